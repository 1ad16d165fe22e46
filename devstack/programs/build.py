"""Makes sure that a program is here, built from `runtime/` if need be: Dapr's and the broker."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from devstack.errors import RuntimeMissingError
from devstack.programs.broker import BROKER_FOLDER, PROGRAM, broker_cache, find_broker, pinned_broker
from devstack.programs.go_build import GoTools, build, build_lock
from devstack.programs.runtime import (
    BUILT,
    RUNTIME_FOLDER,
    DaprRuntime,
    Report,
    cache_folder,
    find_runtime,
    pinned_version,
)
from devstack.settings import StackSettings

PROGRESS_EVERY_SECONDS = 15.0
GIGABYTE = 1024**3
COMMON_OPTIONS = ("-trimpath", "-buildvcs=false", "-ldflags")

FoundT = TypeVar("FoundT")
Find = Callable[[StackSettings], FoundT | None]


def ensure(  # noqa: PLR0913, PLR0917 - all that a build is
    settings: StackSettings,
    tools: GoTools,
    find: Find[FoundT],
    target: Path,
    report: Report,
    every_seconds: float = PROGRESS_EVERY_SECONDS,
) -> FoundT:
    """What `find` finds, built into `target` first when it isn't here; `report` hears of the progress now and then.

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
        programs=(PROGRAM,),
        options=(*COMMON_OPTIONS, "-s -w"),
        module=f"github.com/nats-io/nats-server/v2@v{version}",
        cold_bytes=GIGABYTE // 2,
        warm_bytes=GIGABYTE // 5,
        takes="about 20 seconds on 2 cores",
        instead="set NATS_SERVER to a nats-server of yours, or NATS_URL to a broker of yours",
        log_name="broker-build.log",
    )
