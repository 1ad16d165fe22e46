"""The documents find each other, and README names every page and every command."""

import re
from pathlib import Path
from typing import Final

import pytest
import typer

from cli.main import app
from devstack.settings import PROJECT_ROOT

pytestmark = pytest.mark.unit

PAGES: Final = [*sorted(PROJECT_ROOT.glob("*.md")), *sorted((PROJECT_ROOT / "docs").glob("*.md"))]
LINK: Final = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([^)\s]+))?\)")
PLACE: Final = re.compile(r"`([a-z_]+/[\w./-]*?)`")
README: Final = (PROJECT_ROOT / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT_ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    """A file or heading that was renamed is noticed."""
    broken = [
        f"{target}#{heading}"
        for target, heading in LINK.findall(prose(page.read_text()))
        if not leads_somewhere((page.parent / target) if target else page, heading)
    ]

    assert broken == []


def test_the_saga_pages_files_exist() -> None:
    """A checklist that names what isn't there is followed by nobody; `gift` is what its reader adds."""
    page = (PROJECT_ROOT / "docs" / "your-own-saga.md").read_text()
    named = {one for one in PLACE.findall(page) if "gift" not in one}

    assert named
    assert {one for one in named if not list(PROJECT_ROOT.glob(one))} == set()


def test_the_saga_pages_tests_exist() -> None:
    """What turns red is said by name."""
    page = (PROJECT_ROOT / "docs" / "your-own-saga.md").read_text()
    tests = "".join(file.read_text() for file in (PROJECT_ROOT / "tests").glob("**/test_*.py"))

    assert {name for name in re.findall(r"\b(test_\w+)(?![\w.])", page) if f"def {name}(" not in tests} == set()


def test_readme_leads_to_every_page() -> None:
    """No page is written that nobody finds."""
    linked = {target for target, _ in LINK.findall(README)}

    assert [page.name for page in (PROJECT_ROOT / "docs").glob("*.md") if f"docs/{page.name}" not in linked] == []


def test_readme_names_every_command() -> None:
    """`shop --help` says no more than README."""
    commands = typer.main.get_command(app).commands.values()  # type: ignore[attr-defined] # it is a group
    named = set(re.findall(r"\bshop ([a-z-]+)", README))

    assert [one.name for one in commands if not one.hidden and one.name not in named] == []


def prose(text: str) -> str:
    """The text without its blocks of code."""
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


def leads_somewhere(file: Path, heading: str) -> bool:
    if not file.exists():
        return False
    if not heading:
        return True
    titles = re.findall(r"^#+ (.*)$", prose(file.read_text()), flags=re.MULTILINE)
    return heading in {anchor_of(title) for title in titles}


def anchor_of(title: str) -> str:
    """As GitHub makes it."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
