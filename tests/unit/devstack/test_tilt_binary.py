"""Which Tilt is taken, and how one is built: with C, from a source that has the page its module lacks."""

import os
from pathlib import Path

import pytest

from devstack.errors import RuntimeMissingError
from devstack.programs.go_build import version_numbers
from devstack.settings import StackSettings, load_settings
from tests.programs.tilt import PROGRAM, ensure_tilt, find_tilt, pinned_tilt, tilt_cache

pytestmark = pytest.mark.unit

# Downloads a module whose folders are read-only, as those of the module cache are, and builds what proves the cure.
GO = """#!/bin/sh
case "$1 $2" in
"env GOVERSION") echo go1.99.0 ;;
"env "*) echo /tmp ;;
"mod download") echo '{"Dir": "MODULE"}' ;;
"mod edit") echo "$3" >> "$4" ;;
*)
    for option; do case "$option" in -modfile=*) file="${option#-modfile=}" ;; esac; done
    source="$(sed -n 's/^-replace=.*=//p' "$file")"
    test "$CGO_ENABLED" = 1 && test -s "$source/pkg/assets/build/index.html" && echo x > "$GOBIN/tilt"
    ;;
esac
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackSettings:
    """Settings of a machine that has no Tilt, but a Go and a C compiler."""
    programs = tmp_path / "programs"
    programs.mkdir()
    assets = tmp_path / "module" / "pkg" / "assets" / "build"
    assets.mkdir(parents=True)
    assets.chmod(0o555)
    script(programs / "go", GO.replace("MODULE", str(tmp_path / "module")))
    script(programs / "cc", "#!/bin/sh\n")
    for name in ("sh", "sed", "test", "echo"):
        (programs / name).symlink_to(f"/bin/{name}")
    monkeypatch.setenv("PATH", str(programs))
    return load_settings(home=tmp_path / "shop")


def script(file: Path, text: str) -> None:
    file.write_text(text)
    file.chmod(0o755)


def test_the_pin_is_read_from_go_mod() -> None:
    """The one place where Tilt's version is written."""
    assert version_numbers(pinned_tilt()) >= (0, 33)


def test_a_missing_tilt_is_built_once_and_leaves_no_source(settings: StackSettings) -> None:
    assert find_tilt(settings) is None

    built = ensure_tilt(settings, print)

    assert tilt_cache(settings) / PROGRAM == built == find_tilt(settings)
    assert {built.parent, settings.home / "bin" / "build.lock"} == set((settings.home / "bin").iterdir())


def test_the_users_own_is_taken_from_the_path(settings: StackSettings) -> None:
    """Nothing is built for whoever has Tilt."""
    own = Path(os.environ["PATH"]) / PROGRAM
    script(own, "#!/bin/sh\n")

    assert own == ensure_tilt(settings, print)


def test_without_a_compiler_it_says_what_to_do(settings: StackSettings) -> None:
    (Path(os.environ["PATH"]) / "cc").unlink()

    with pytest.raises(RuntimeMissingError, match="C compiler"):
        ensure_tilt(settings, print)
