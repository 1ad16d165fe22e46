"""Which Dapr binaries are taken, and how they are built; a shell script stands in for each program."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devstack.errors import RuntimeMissingError
from devstack.programs.build import BUILT, NEEDED, cache_folder, ensure_runtime, find_runtime, pinned_version
from devstack.programs.go_build import RUNTIME_FOLDER, from_go_mod, oldest_go, version_numbers
from devstack.settings import StackSettings, load_settings

pytestmark = pytest.mark.unit

# Behaves as `go` does for the builder: answers `env`, and `install` fills GOBIN.
GOOD_GO = f"""#!/bin/sh
case "$1 $2" in
"env GOVERSION") echo go1.99.0 ;;
"env "*) echo "$FAKE_GO_CACHE" ;;
*) echo built >> "$FAKE_GO_CACHE/builds"; for name in {" ".join(BUILT)}; do echo x > "$GOBIN/$name"; done ;;
esac
"""


def failing_go(line: str) -> str:
    return GOOD_GO.replace("*) echo built", f"*) echo '{line}' >&2; exit 1; echo built")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackSettings:
    """Settings of a machine that has neither Dapr nor Go."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    monkeypatch.delenv("DAPR_BIN_DIR", raising=False)
    cache = tmp_path / "go-cache"
    cache.mkdir()
    monkeypatch.setenv("FAKE_GO_CACHE", str(cache))
    return load_settings(home=tmp_path / "shop")


def programs(folder: Path, version: str, names: tuple[str, ...] = NEEDED) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        script(folder / name, f"#!/bin/sh\necho {version}\n")
    return folder


def script(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)


def put_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_nothing_here_is_found_to_be_nothing(settings: StackSettings) -> None:
    """Then it must be built."""
    assert find_runtime(settings) is None


def test_the_built_one_comes_before_the_users(settings: StackSettings, tmp_path: Path) -> None:
    """What was tested with the shop is preferred to what happens to be there."""
    programs(tmp_path / "home" / ".dapr" / "bin", "1.19.0")
    programs(cache_folder(settings), pinned_version(), BUILT)

    found = find_runtime(settings)

    assert found is not None
    assert cache_folder(settings) == found.folder


def test_a_half_copied_cache_does_not_count(settings: StackSettings) -> None:
    """All four programs or none."""
    programs(cache_folder(settings), pinned_version(), ("daprd", "placement"))

    assert find_runtime(settings) is None


@pytest.mark.parametrize(
    ("version", "counts"), [("1.17.9", False), ("1.18.0", True), ("1.19.2", True), ("edge", False)]
)
def test_a_users_runtime_counts_from_1_18(
    settings: StackSettings, tmp_path: Path, version: str, *, counts: bool
) -> None:
    """Older ones miss what the saga relies on."""
    programs(tmp_path / "home" / ".dapr" / "bin", version)

    assert counts == (find_runtime(settings) is not None)


def test_a_lone_daprd_on_the_path_does_not_count(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Placement and scheduler must lie beside it."""
    put_on_path(monkeypatch, programs(tmp_path / "tools", "1.18.2", ("daprd",)))

    assert find_runtime(settings) is None


def test_a_demanded_folder_must_do(settings: StackSettings, tmp_path: Path) -> None:
    """DAPR_BIN_DIR is an order: what is wrong with it is said, not worked around."""
    wrong = settings.model_copy(update={"dapr_bin_dir": programs(tmp_path / "old", "1.16.0")})

    with pytest.raises(RuntimeMissingError, match=r"DAPR_BIN_DIR=.*1\.18\.0 or newer"):
        find_runtime(wrong)


def test_the_build_appears_only_when_complete(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made in a draft folder and renamed."""
    script(tmp_path / "go" / "go", GOOD_GO)
    put_on_path(monkeypatch, tmp_path / "go")

    runtime = ensure_runtime(settings, lambda _line: None)

    assert cache_folder(settings) == runtime.folder
    assert set(BUILT) == {file.name for file in runtime.folder.iterdir()}
    assert [runtime.folder] == [file for file in runtime.folder.parent.iterdir() if file.is_dir()]


def test_two_who_need_it_build_it_once(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second waits for the first and takes what it built."""
    script(tmp_path / "go" / "go", GOOD_GO)
    put_on_path(monkeypatch, tmp_path / "go")

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: ensure_runtime(settings, lambda _line: None), range(2)))

    assert (tmp_path / "go-cache" / "builds").read_text().splitlines() == ["built"]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("dial tcp: lookup of the module proxy: no such host", "can't be fetched"),
        ("write /x/y: no space left on device", "ran out of disk space"),
        ("cc1: signal: killed", "lack of memory"),
        ("main.go:3: undefined: x", "failed: main.go:3: undefined: x"),
    ],
)
def test_a_failed_build_is_one_sentence_with_the_log(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, said: str
) -> None:
    """What went wrong, what to do, where to read more; and nothing half-built stays."""
    script(tmp_path / "go" / "go", failing_go(line))
    put_on_path(monkeypatch, tmp_path / "go")

    with pytest.raises(RuntimeMissingError) as caught:
        ensure_runtime(settings, lambda _line: None)

    assert said in str(caught.value)
    assert str(settings.logs / "runtime-build.log") in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1
    assert [file for file in cache_folder(settings).parent.iterdir() if file.is_dir()] == []


def test_versions_are_compared_as_numbers() -> None:
    """1.9 is older than 1.18."""
    assert version_numbers("go1.9") < version_numbers("v1.18.2 (x)")
    assert version_numbers("edge") == ()


def test_the_pins_are_read_from_go_mod() -> None:
    """The one place where the runtime's version is written."""
    assert version_numbers(pinned_version()) >= (1, 18, 0)
    assert oldest_go() >= (1, 26)


def test_the_cluster_of_the_tests_has_the_same_release() -> None:
    """Its injector and sentry are pinned apart, since they need modules that the local stack doesn't."""
    assert pinned_version() == from_go_mod(RUNTIME_FOLDER / "cluster" / "dapr", r"^\s*github\.com/dapr/dapr v(\S+)")
