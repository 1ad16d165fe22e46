"""Finds what renders the manifests below `deploy/`: kustomize, which kubectl holds as well."""

import json
import shutil
import subprocess
from pathlib import Path

from devstack.programs.build import COMMON_OPTIONS, GIGABYTE, ensure, said_version
from devstack.programs.go_build import RUNTIME_FOLDER, GoTools, Report, from_go_mod, version_numbers
from devstack.settings import PROJECT_ROOT, StackSettings

KUSTOMIZE_FOLDER = RUNTIME_FOLDER / "kustomize"
PROGRAM = "kustomize"
DEPLOY = PROJECT_ROOT / "deploy"
# Older ones don't put labels into the templates of pods.
OLDEST_USABLE = (5, 0, 0)

Command = tuple[str, ...]


def pinned_kustomize() -> str:
    """The version of kustomize that `runtime/kustomize/go.mod` pins: the one place where it is written."""
    return from_go_mod(KUSTOMIZE_FOLDER, r"^\s*sigs\.k8s\.io/kustomize/kustomize/v5 v(\S+)")


def kustomize_cache(settings: StackSettings) -> Path:
    """The folder where kustomize is kept once it is built."""
    return settings.home / "bin" / f"kustomize-{pinned_kustomize()}"


def built_kustomize(settings: StackSettings) -> Command:
    """The command of the one that we build."""
    return (str(kustomize_cache(settings) / PROGRAM), "build")


def find_kustomize(settings: StackSettings) -> Command | None:
    """The command that renders a folder, or None when it must be built: what we built before, kustomize, kubectl."""
    built = built_kustomize(settings)
    if Path(built[0]).exists():
        return built
    alone = shutil.which(PROGRAM)
    if alone is not None and version_numbers(said_version(Path(alone), "version")) >= OLDEST_USABLE:
        return (alone, "build")
    kubectl = shutil.which("kubectl")
    if kubectl is not None and _version_in(Path(kubectl)) >= OLDEST_USABLE:
        return (kubectl, PROGRAM)
    return None


def ensure_kustomize(settings: StackSettings, report: Report) -> Command:
    """The command that renders `deploy/`, built first when none is here; see `devstack.programs.build.ensure`."""
    return ensure(settings, _kustomize(), find_kustomize, kustomize_cache(settings), report)


def render(command: Command, folder: Path) -> str:
    """The manifests of a folder.

    Raises:
        CalledProcessError: they can't be rendered.
    """
    answer = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=True)
    return answer.stdout


def _version_in(kubectl: Path) -> tuple[int, ...]:
    try:
        said = json.loads(said_version(kubectl, "version", "--client", "--output=json"))
    except ValueError:
        return ()
    return version_numbers(str(said.get("kustomizeVersion", "")))


def _kustomize() -> GoTools:
    version = pinned_kustomize()
    return GoTools(
        title="kustomize",
        version=version,
        folder=KUSTOMIZE_FOLDER,
        programs=(PROGRAM,),
        options=(*COMMON_OPTIONS, "-s -w"),
        module=f"sigs.k8s.io/kustomize/kustomize/v5@v{version}",
        cold_bytes=GIGABYTE // 2,
        warm_bytes=GIGABYTE // 5,
        takes="about a minute on 2 cores",
        instead="install kubectl 1.27 or newer, or kustomize 5",
        log_name="kustomize-build.log",
    )
