"""A copy of the project, and the real Tilt for it."""

from pathlib import Path

import pytest

from devstack.settings import FIRST_APP_OFFSET, load_settings
from tests.e2e.conftest import stack_environment
from tests.e2e.tilt.project import Project, copy_project
from tests.e2e.tilt.tilt import Tilt
from tests.programs.tilt import c_compiler, ensure_tilt, find_tilt


@pytest.fixture
def project(tmp_path: Path) -> Project:
    # Where root must become another user to run Postgres, that user has to reach the data.
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)
    folder = tmp_path / "project"
    return copy_project(folder, stack_environment(folder / ".shop", SHOP_MODE="demo"))


@pytest.fixture
def tilt(project: Project) -> Tilt:
    settings = load_settings()
    if find_tilt(settings) is None and c_compiler() is None:
        pytest.skip("there is neither Tilt nor a C compiler to build it")
    # The last port before those of the apps, which no process has.
    port = project.settings.base_port + FIRST_APP_OFFSET - 1
    return Tilt(ensure_tilt(settings, print), project, port)
