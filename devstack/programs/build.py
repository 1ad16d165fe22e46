"""Finds the programs that the stack runs, Dapr's and nats-server: the user's own, or those built once."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from devstack.errors import RuntimeMissingError
from devstack.programs.go_build import RUNTIME_FOLDER, GoTools, Report, build, build_lock, from_go_mod, version_numbers
from devstack.settings import StackSettings

NEEDED = ("daprd", "placement", "scheduler")
BUILT = (*NEEDED, "sentry")
OLDEST_RUNTIME = (1, 18, 0)

BROKER_FOLDER = RUNTIME_FOLDER / "nats"
BROKER_PROGRAM = "nats-server"
# Older ones don't know the setting by which every message is on the disk before it is acknowledged.
OLDEST_BROKER = (2, 10, 0)

PROGRESS_EVERY_SECONDS = 15.0
GIGABYTE = 1024**3
COMMON_OPTIONS = ("-trimpath", "-buildvcs=false", "-ldflags")

FoundT = TypeVar("FoundT")
Find = Callable[[StackSettings], FoundT | None]


@dataclass(frozen=True)
class DaprRuntime:
    """A folder that holds daprd, placement and scheduler, and where it comes from."""

    folder: Path
    version: str
    source: str


def pinned_version() -> str:
    """The version of Dapr that `runtime/go.mod` pins: the one place where it is written."""
    return from_go_mod(RUNTIME_FOLDER, r"^\s*github\.com/dapr/dapr v(\S+)")


def cache_folder(settings: StackSettings) -> Path:
    """Where the runtime is kept once it is built."""
    return settings.home / "bin" / f"dapr-{pinned_version()}"


def find_runtime(settings: StackSettings) -> DaprRuntime | None:
    """The binaries to run, or None when they must be built.

    The order: DAPR_BIN_DIR, what we built before, `~/.dapr/bin`, PATH. A folder counts when its daprd is new enough
    and placement and scheduler lie beside it.
    """
    if settings.dapr_bin_dir is not None:
        return _demanded_runtime(settings.dapr_bin_dir)
    cached = cache_folder(settings)
    # Complete by construction: the folder appears under this name only when all is built.
    if all((cached / name).exists() for name in BUILT):
        return DaprRuntime(cached, pinned_version(), "built from runtime/go.mod")
    for folder, source in _user_folders():
        version = _usable_version(folder)
        if version is not None:
            return DaprRuntime(folder, version, source)
    return None


def _demanded_runtime(folder: Path) -> DaprRuntime:
    version = _usable_version(folder)
    if version is None:
        oldest = ".".join(map(str, OLDEST_RUNTIME))
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
    return version if version_numbers(version) >= OLDEST_RUNTIME else None


def said_version(program: Path, *arguments: str) -> str:
    """What a program says of its version, asked by `--version` or otherwise; empty if it doesn't run."""
    try:
        answer = subprocess.run(  # noqa: S603 - the user's own program
            [program, *(arguments or ("--version",))], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return answer.stdout.strip()


def pinned_broker() -> str:
    """The version of nats-server that `runtime/nats/go.mod` pins: the one place where it is written."""
    return from_go_mod(BROKER_FOLDER, r"^\s*github\.com/nats-io/nats-server/v2 v(\S+)")


def broker_cache(settings: StackSettings) -> Path:
    """The folder where the broker is kept once it is built."""
    return settings.home / "bin" / f"nats-{pinned_broker()}"


def find_broker(settings: StackSettings) -> Path | None:
    """The program to run, or None when it must be built: NATS_SERVER, what we built before, PATH."""
    if settings.nats_server is not None:
        return _demanded_broker(settings.nats_server)
    # Complete by construction: the folder appears under this name only when all is built.
    cached = broker_cache(settings) / BROKER_PROGRAM
    if cached.exists():
        return cached
    on_path = shutil.which(BROKER_PROGRAM)
    return Path(on_path) if on_path is not None and _is_usable_broker(Path(on_path)) else None


def _demanded_broker(program: Path) -> Path:
    if not _is_usable_broker(program):
        oldest = ".".join(map(str, OLDEST_BROKER))
        raise RuntimeMissingError(
            f"NATS_SERVER={program} must be a nats-server of version {oldest} or newer; "
            "correct it, or unset it to have one built"
        )
    return program


def _is_usable_broker(program: Path) -> bool:
    return version_numbers(said_version(program)) >= OLDEST_BROKER


def ensure(  # noqa: PLR0913, PLR0917 - all that a build is
    settings: StackSettings,
    tools: GoTools,
    find: Find[FoundT],
    target: Path,
    report: Report,
    every_seconds: float = PROGRESS_EVERY_SECONDS,
) -> FoundT:
    """What `find` finds, built into `target` first when it isn't here; `report` gets the progress now and then.

    Raises:
        RuntimeMissingError: no disk space, no network or a failed build, with the place of the log.
    """
    found = find(settings)
    if found is not None:
        return found
    with build_lock(settings, tools, report):
        # Whoever held the lock before may have built it.
        found = find(settings)
        if found is None:
            build(settings, tools, target, report, every_seconds)
            found = find(settings)
    if found is None:
        raise RuntimeMissingError(f"{tools.title} was built into {target}, and isn't found there")
    return found


def ensure_programs(settings: StackSettings, groups: Sequence[str], report: Report) -> DaprRuntime:
    """The runtime, and the broker if any of these groups (all, if there are none) takes events; see `ensure`."""
    runtime = ensure_runtime(settings, report)
    if settings.nats_url is None and settings.registry.event_groups & set(groups or settings.registry.groups):
        ensure_broker(settings, report)
    return runtime


def ensure_runtime(
    settings: StackSettings, report: Report, every_seconds: float = PROGRESS_EVERY_SECONDS
) -> DaprRuntime:
    """The runtime, built first when it isn't here; see `ensure`."""
    return ensure(settings, _dapr(), find_runtime, cache_folder(settings), report, every_seconds)


def ensure_broker(settings: StackSettings, report: Report) -> Path:
    """The nats-server program, built first when it isn't here; see `ensure`."""
    return ensure(settings, _broker(), find_broker, broker_cache(settings), report)


def _dapr() -> GoTools:
    version = pinned_version()
    linker = f"-s -w -X github.com/dapr/dapr/pkg/buildinfo.version={version}"
    return GoTools(
        title="the Dapr runtime",
        version=version,
        folder=RUNTIME_FOLDER,
        programs=BUILT,
        options=("-tags", "allcomponents", *COMMON_OPTIONS, linker),
        module=f"github.com/dapr/dapr@v{version}",
        # Measured: 7.2 GB of modules, compiled packages and binaries.
        cold_bytes=8 * GIGABYTE,
        warm_bytes=GIGABYTE,
        takes="about 10 minutes on 2 cores",
        instead="set DAPR_BIN_DIR to a folder with the binaries",
        log_name="runtime-build.log",
    )


def _broker() -> GoTools:
    version = pinned_broker()
    return GoTools(
        title="the broker (nats-server)",
        version=version,
        folder=BROKER_FOLDER,
        programs=(BROKER_PROGRAM,),
        options=(*COMMON_OPTIONS, "-s -w"),
        module=f"github.com/nats-io/nats-server/v2@v{version}",
        cold_bytes=GIGABYTE // 2,
        warm_bytes=GIGABYTE // 5,
        takes="about 20 seconds on 2 cores",
        instead="set NATS_SERVER to a nats-server of yours, or NATS_URL to a broker of yours",
        log_name="broker-build.log",
    )
