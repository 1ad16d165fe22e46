"""The image, without a Docker daemon: its statements carried out by hand in a clean folder and a clean venv."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from devstack.settings import PROJECT_ROOT
from shared.shop.registry import SHOP
from tests.integration.deploy.manifests import Manifests, containers
from tests.programs.kustomize import DEPLOY

pytestmark = pytest.mark.integration

DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
IGNORED = (DEPLOY / "Dockerfile.dockerignore").read_text()
ADMITTED = re.findall(r"^!(\S+)$", IGNORED, re.MULTILINE)
SENT = {str(path.relative_to(PROJECT_ROOT)) for pattern in ADMITTED for path in PROJECT_ROOT.glob(pattern)}
BESIDE_THE_APPS = {"shared", "local_mailbox", "devstack", "cli", "deploy/requirements.txt"}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """What the image holds: /app with the packages, and a venv with the locked requirements and no others."""
    root = tmp_path_factory.mktemp("image")
    for source in SENT:
        place = root / "app" / source
        place.parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (PROJECT_ROOT / source).is_dir() else shutil.copy
        copy(PROJECT_ROOT / source, place)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", root / "venv"], check=True)
    (packages,) = (root / "venv" / "lib").glob("python*/site-packages")
    for pin in pins(DEPLOY / "requirements.txt"):
        link_distribution(pin.partition("==")[0], packages)
    yield root
    shutil.rmtree(root)


def link_distribution(name: str, packages: Path) -> None:
    """Take one distribution over from the tests' venv: as installing it, but at once and without a network."""
    try:
        distribution = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        return  # for another platform
    for top in {file.parts[0] for file in distribution.files or () if file.parts[0] != ".."}:
        link = packages / top
        if not link.exists():
            link.symlink_to(Path(str(distribution.locate_file(top))))


def run(image: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """As its entry point does: in /app, with nothing of this project's own environment."""
    return subprocess.run(
        [image / "venv" / "bin" / "python", *arguments],
        cwd=image / "app",
        env={"PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
    )


def test_it_holds_every_apps_package_and_nothing_that_is_not_listed() -> None:
    """Tests, documents and what this folder holds of secrets stay outside; a builder that sends them fails."""
    others = [line for line in IGNORED.splitlines() if not line.startswith(("#", "!"))]

    assert {*SHOP.schemas, *BESIDE_THE_APPS} == SENT
    assert ["*", "**/__pycache__"] == others
    assert re.findall(r"^COPY (?!--)(.*)$", DOCKERFILE, re.MULTILINE) == [
        "deploy/requirements.txt /build/requirements.txt",
        ". .",
    ]
    assert re.search(r"^RUN test ! -e Makefile ", DOCKERFILE, re.MULTILINE)


def test_it_runs_as_nobody_and_by_the_package_alone() -> None:
    """The manifests name a user and give the package as argument."""
    assert re.search(r"^USER 10001:10001$", DOCKERFILE, re.MULTILINE)
    assert re.search(r'^ENTRYPOINT \["python", "-m"\]$', DOCKERFILE, re.MULTILINE)
    assert "--require-hashes" in DOCKERFILE


def test_every_program_that_a_pod_runs_is_complete(image: Path, all_manifests: dict[str, Manifests]) -> None:
    """Everything that it imports is there."""
    programs = {
        container["args"][0]
        for manifests in all_manifests.values()
        for pod in manifests.pods.values()
        for container in containers(pod)
        if container["image"].startswith("saga-shop")
    }
    assert {"order_service", "payment_gateway", "local_mailbox", "devstack.postgres.migrations"} <= programs
    packages = {program for program in programs if (image / "app" / program).is_dir()}
    modules = sorted(f"{program}.__main__" if program in packages else program for program in programs)

    answer = run(image, "-c", f"import importlib; [importlib.import_module(name) for name in {modules}]")

    assert answer.returncode == 0, answer.stderr


def test_a_program_says_what_it_misses(image: Path) -> None:
    """The first thing that whoever forgot a secret reads in a pod's log."""
    answer = run(image, "-m", "order_service")

    assert answer.returncode == 1
    assert "These environment variables are missing or wrong:\n  SERVICE_HTTP_PORT: Field required" in answer.stderr


def test_the_command_line_works_in_it(image: Path) -> None:
    """`kubectl exec` may look into a deployment with it."""
    answer = run(image, "-m", "cli", "--help")

    assert answer.returncode == 0, answer.stderr
    assert "secrets" in answer.stdout


def test_its_requirements_are_pinned_as_those_of_the_tests() -> None:
    """What was tested is what runs; `make lock` writes both."""
    assert pins(DEPLOY / "requirements.txt") <= pins(PROJECT_ROOT / "requirements.txt")


def pins(file: Path) -> set[str]:
    """Each `name==version`, without markers."""
    return set(re.findall(r"^([\w.-]+==[\w.]+)", file.read_text(), re.MULTILINE))
