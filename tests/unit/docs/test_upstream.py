"""docs/upstream.md lists every workaround for a defect of Dapr or its SDK, with where it stands and when it goes."""

import re
from pathlib import Path
from typing import Final

import pytest

from devstack.settings import PROJECT_ROOT

pytestmark = pytest.mark.unit

PAGE: Final = (PROJECT_ROOT / "docs" / "upstream.md").read_text()
ENTRIES: Final = dict(re.findall(r"^### ([a-z-]+)\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL))
MARK: Final = re.compile(r"# Works around `([a-z-]+)` \(docs/upstream\.md\)\.$", re.MULTILINE)
PLACE: Final = re.compile(r"`([\w./]+\.(?:py|yaml))`")


def marked() -> set[tuple[str, str]]:
    """Each mark in the code, by its entry and its file."""
    files = [file.relative_to(PROJECT_ROOT) for kind in ("py", "yaml") for file in PROJECT_ROOT.glob(f"*/**/*.{kind}")]
    own = [file for file in files if not any(part.startswith(".") for part in file.parts)]
    return {(name, str(file)) for file in own for name in MARK.findall((PROJECT_ROOT / file).read_text())}


def row(entry: str, name: str) -> str:
    """One of the entry's rows, with its further lines."""
    [text] = re.findall(rf"^- {name}: (.*?)(?=^- |\Z)", ENTRIES[entry], re.MULTILINE | re.DOTALL)
    return str(text)


def test_marks_and_entries_agree() -> None:
    """A workaround without an entry is forgotten at an upgrade; an entry without one describes nothing."""
    named = {(entry, place) for entry in ENTRIES for place in PLACE.findall(row(entry, "Places"))}

    assert named
    assert named == marked()


@pytest.mark.parametrize("entry", ENTRIES)
@pytest.mark.parametrize("name", ["Symptom", "Upstream", "Places", "Test", "Delete when"])
def test_every_entry_is_complete(entry: str, name: str) -> None:
    """It says what is seen, who knows of it, what proves it, and what ends it."""
    assert row(entry, name).strip()


def test_the_list_is_of_the_versions_in_use() -> None:
    """Whoever upgrades Dapr or its SDK goes through the list."""
    module = (PROJECT_ROOT / "runtime" / "go.mod").read_text()
    [daprd] = re.findall(r"^\s*github.com/dapr/dapr v([\d.]+)", module, re.MULTILINE)
    [sdk] = re.findall(r'"dapr\[workflow\]==([\d.]+)\.\*"', Path(PROJECT_ROOT, "pyproject.toml").read_text())

    assert f"The list covers daprd {daprd} and SDK {sdk}." in PAGE
