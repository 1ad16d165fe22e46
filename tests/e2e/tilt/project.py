"""A copy of the project that a test may edit, with a stack of its own."""

import shutil
from pathlib import Path

from devstack.settings import PROJECT_ROOT, StackSettings, load_settings

TIERS = ("unit", "integration", "e2e")
LEFT_OUT = shutil.ignore_patterns(".git", ".shop", ".venv", ".hypothesis", "__pycache__", "*.egg-info")


class Project:
    """The copy: its folder, and the environment in which its Tilt runs."""

    def __init__(self, folder: Path, environment: dict[str, str]) -> None:
        self.folder = folder
        self.environment = {**environment, "SHOP_HOME": str(folder / ".shop")}

    @property
    def settings(self) -> StackSettings:
        """Of the copy's own stack."""
        ports = {name: int(self.environment[f"SHOP_{name.upper()}"]) for name in ("api_port", "base_port")}
        return load_settings(home=self.folder / ".shop", database_url=None, **ports)

    def has_one_test_a_tier(self) -> None:
        """Instead of all of them, which would take half an hour."""
        for tier in TIERS:
            folder = self.folder / "tests" / tier
            shutil.rmtree(folder)
            folder.mkdir()
            (folder / "test_one.py").write_text("def test_one() -> None:\n    assert True\n")

    def append(self, file: str, text: str) -> None:
        """Edit a file, as a developer does."""
        with (self.folder / file).open("a") as stream:
            stream.write(text)


def copy_project(folder: Path, environment: dict[str, str]) -> Project:
    """Copy the project; what is in its virtual environment is borrowed, and must never be made anew for the copy."""
    shutil.copytree(PROJECT_ROOT, folder, ignore=LEFT_OUT, dirs_exist_ok=True)
    (folder / ".venv").mkdir()
    for part in ("bin", "lib", "pyvenv.cfg"):
        (folder / ".venv" / part).symlink_to((PROJECT_ROOT / ".venv" / part).resolve())
    # Newer than what it is made from, whatever is the matter with the project's own.
    (folder / ".venv" / ".installed").touch()
    return Project(folder, environment)
