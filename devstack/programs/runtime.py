"""Finds the Dapr binaries that the stack runs, or builds them from `runtime/go.mod` once."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import RuntimeMissingError
from devstack.settings import PROJECT_ROOT, StackSettings

RUNTIME_FOLDER = PROJECT_ROOT / "runtime"
NEEDED = ("daprd", "placement", "scheduler")
BUILT = (*NEEDED, "sentry")
OLDEST_USABLE = (1, 18, 0)

Report = Callable[[str], None]


@dataclass(frozen=True)
class DaprRuntime:
    """A folder that holds daprd, placement and scheduler, and where it comes from."""

    folder: Path
    version: str
    source: str


def pinned_version() -> str:
    """The version of Dapr that `runtime/go.mod` pins: the one place where it is written."""
    return from_go_mod(RUNTIME_FOLDER, r"^\s*github\.com/dapr/dapr v(\S+)")


def oldest_go() -> tuple[int, ...]:
    """The oldest Go that can build the runtime, as `runtime/go.mod` says."""
    return version_numbers(from_go_mod(RUNTIME_FOLDER, r"^go (\S+)"))


def version_numbers(text: str) -> tuple[int, ...]:
    """The numbers of the first version in a text; empty when there is none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(number or 0) for number in found.groups()) if found else ()


def cache_folder(settings: StackSettings) -> Path:
    """Where the runtime is kept once it is built."""
    return settings.home / "bin" / f"dapr-{pinned_version()}"


def find_runtime(settings: StackSettings) -> DaprRuntime | None:
    """The binaries to run, or None when they must be built.

    The order: DAPR_BIN_DIR, what we built before, `~/.dapr/bin`, PATH. A folder counts when its daprd is new enough
    and placement and scheduler lie beside it.
    """
    if settings.dapr_bin_dir is not None:
        return _demanded(settings.dapr_bin_dir)
    cached = cache_folder(settings)
    # Complete by construction: the folder appears under this name only when all is built.
    if all((cached / name).exists() for name in BUILT):
        return DaprRuntime(cached, pinned_version(), "built from runtime/go.mod")
    for folder, source in _user_folders():
        version = _usable_version(folder)
        if version is not None:
            return DaprRuntime(folder, version, source)
    return None


def _demanded(folder: Path) -> DaprRuntime:
    version = _usable_version(folder)
    if version is None:
        oldest = ".".join(map(str, OLDEST_USABLE))
        raise RuntimeMissingError(
            f"DAPR_BIN_DIR={folder} must hold {', '.join(NEEDED)}, of version {oldest} or newer; "
            "correct it, or unset it to have the runtime built"
        )
    return DaprRuntime(folder, version, "DAPR_BIN_DIR")


def _user_folders() -> Iterator[tuple[Path, str]]:
    yield Path.home() / ".dapr" / "bin", "the Dapr CLI's folder"
    on_path = shutil.which("daprd")
    if on_path is not None:
        yield Path(on_path).resolve().parent, "PATH"


def _usable_version(folder: Path) -> str | None:
    if not all(os.access(folder / name, os.X_OK) for name in NEEDED):
        return None
    version = said_version(folder / "daprd")
    return version if version_numbers(version) >= OLDEST_USABLE else None


def said_version(program: Path, *arguments: str) -> str:
    """What a program says of its version, asked by `--version` or otherwise; empty if it doesn't run."""
    try:
        answer = subprocess.run(  # noqa: S603 - the user's own program
            [program, *(arguments or ("--version",))], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()


def from_go_mod(folder: Path, pattern: str) -> str:
    """What the go.mod of a folder says where it matches; the first group."""
    file = folder / "go.mod"
    found = re.search(pattern, file.read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeMissingError(f"{file} doesn't match {pattern}; restore it from git")
    return found.group(1)
