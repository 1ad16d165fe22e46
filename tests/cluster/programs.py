"""The programs of a cluster, built from `runtime/cluster/` once and kept beside the Dapr runtime."""

from dataclasses import dataclass
from pathlib import Path
from shutil import which

from devstack.errors import RuntimeMissingError
from devstack.programs.build import COMMON_OPTIONS, GIGABYTE, PROGRESS_EVERY_SECONDS
from devstack.programs.go_build import RUNTIME_FOLDER, GoTools, Report, build, build_lock, from_go_mod
from devstack.settings import StackSettings, load_settings

CLUSTER = RUNTIME_FOLDER / "cluster"


@dataclass(frozen=True)
class Programs:
    """Where each program is."""

    kubernetes: Path
    """The folder of API server, controllers and scheduler."""
    etcd: Path
    kwok: Path
    dapr: Path
    """The folder of sentry and injector."""
    kubectl: Path


def ensure_programs(settings: StackSettings, report: Report) -> Programs:
    """All programs, built first where they aren't here.

    Raises:
        RuntimeMissingError: there is no kubectl, or a build failed.
    """
    kubectl = which("kubectl")
    if kubectl is None:
        raise RuntimeMissingError("install kubectl: it applies the manifests, as you would")
    return Programs(
        kubernetes=_ensure(settings, _kubernetes(), report),
        etcd=_ensure(settings, _etcd(), report) / "server",
        kwok=_ensure(settings, _kwok(), report) / "kwok",
        dapr=_ensure(settings, _dapr(), report),
        kubectl=Path(kubectl),
    )


def _ensure(settings: StackSettings, tools: GoTools, report: Report) -> Path:
    target = settings.home / "bin" / f"{tools.log_name.removesuffix('-build.log')}-{tools.version}"
    with build_lock(settings, tools, report):
        # Complete by construction, but perhaps built when fewer programs were asked for.
        if not all((target / name).exists() for name in tools.programs):
            build(settings, tools, target, report, PROGRESS_EVERY_SECONDS)
    return target


def _kubernetes() -> GoTools:
    folder = CLUSTER / "kubernetes"
    version = from_go_mod(folder, r"^\s*k8s\.io/kubernetes v(\S+)")
    major, minor, _ = version.split(".")
    # Without them it takes itself for version 0.
    said = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor}
    linker = " ".join(["-s -w", *(f"-X k8s.io/component-base/version.{name}={value}" for name, value in said.items())])
    programs = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
    return _tools("Kubernetes", version, folder, programs, linker, f"k8s.io/kubernetes@v{version}", "kubernetes")


def _etcd() -> GoTools:
    folder = CLUSTER / "etcd"
    version = from_go_mod(folder, r"^\s*go\.etcd\.io/etcd/server/v3 v(\S+)")
    return _tools("etcd", version, folder, ("server",), "-s -w", f"go.etcd.io/etcd/server/v3@v{version}", "etcd")


def _kwok() -> GoTools:
    folder = CLUSTER / "kwok"
    version = from_go_mod(folder, r"^\s*sigs\.k8s\.io/kwok v(\S+)")
    return _tools("KWOK", version, folder, ("kwok",), "-s -w", f"sigs.k8s.io/kwok@v{version}", "kwok")


def _dapr() -> GoTools:
    folder = CLUSTER / "dapr"
    version = from_go_mod(folder, r"^\s*github\.com/dapr/dapr v(\S+)")
    linker = f"-s -w -X github.com/dapr/dapr/pkg/buildinfo.version={version}"
    module = f"github.com/dapr/dapr@v{version}"
    return _tools(
        "Dapr's sentry and injector", version, folder, ("sentry", "injector"), linker, module, "dapr-control-plane"
    )


def _tools(  # noqa: PLR0913, PLR0917 - all that tells one from another
    title: str,
    version: str,
    folder: Path,
    programs: tuple[str, ...],
    linker: str,
    module: str,
    name: str,
) -> GoTools:
    return GoTools(
        title=title,
        version=version,
        folder=folder,
        programs=programs,
        options=(*COMMON_OPTIONS, linker),
        module=module,
        cold_bytes=4 * GIGABYTE,
        warm_bytes=GIGABYTE,
        takes="several minutes on 2 cores",
        instead="leave `make test-cluster` out",
        log_name=f"{name}-build.log",
    )


if __name__ == "__main__":
    # Before the tests, whose time is bounded.
    ensure_programs(load_settings(), print)
