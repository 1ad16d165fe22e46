"""Makes sure that a program is here, built from `runtime/` if need be: Dapr's, the broker, kustomize, Tilt."""

from pathlib import Path

from devstack.broker_binary import BROKER_FOLDER, PROGRAM, broker_cache, find_broker, pinned_broker
from devstack.go_build import GoTools, build, build_lock
from devstack.kustomize_binary import (
    KUSTOMIZE_FOLDER,
    Command,
    built_kustomize,
    find_kustomize,
    kustomize_cache,
    pinned_kustomize,
)
from devstack.kustomize_binary import PROGRAM as KUSTOMIZE
from devstack.runtime import (
    BUILT,
    RUNTIME_FOLDER,
    DaprRuntime,
    Report,
    cache_folder,
    find_runtime,
    pinned_version,
)
from devstack.settings import StackSettings
from devstack.tilt_binary import PROGRAM as TILT
from devstack.tilt_binary import TILT_FOLDER, find_tilt, pinned_tilt, source_with_page, tilt_cache

PROGRESS_EVERY_SECONDS = 15.0
GIGABYTE = 1024**3
COMMON_OPTIONS = ("-trimpath", "-buildvcs=false", "-ldflags")


def ensure_runtime(
    settings: StackSettings, report: Report, every_seconds: float = PROGRESS_EVERY_SECONDS
) -> DaprRuntime:
    """The runtime, built first when it isn't here; `report` hears of the progress every so many seconds.

    Raises:
        RuntimeMissingError: no disk space, no network or a failed build, with the place of the log.
    """
    found = find_runtime(settings)
    if found is not None:
        return found
    with build_lock(settings, _dapr(), report):
        # Whoever held the lock before may have built it.
        found = find_runtime(settings)
        if found is None:
            build(settings, _dapr(), cache_folder(settings), report, every_seconds)
            found = DaprRuntime(cache_folder(settings), pinned_version(), "built from runtime/go.mod")
    return found


def ensure_broker(settings: StackSettings, report: Report, every_seconds: float = PROGRESS_EVERY_SECONDS) -> Path:
    """The nats-server program, built first when it isn't here; as `ensure_runtime`."""
    found = find_broker(settings)
    if found is not None:
        return found
    with build_lock(settings, _broker(), report):
        found = find_broker(settings)
        if found is None:
            target = broker_cache(settings)
            build(settings, _broker(), target, report, every_seconds)
            found = target / PROGRAM
    return found


def ensure_kustomize(settings: StackSettings, report: Report, every_seconds: float = PROGRESS_EVERY_SECONDS) -> Command:
    """The command that renders the manifests of `deploy/`; the stack doesn't need it. As `ensure_runtime`."""
    found = find_kustomize(settings)
    if found is not None:
        return found
    with build_lock(settings, _kustomize(), report):
        found = find_kustomize(settings)
        if found is None:
            build(settings, _kustomize(), kustomize_cache(settings), report, every_seconds)
            found = built_kustomize(settings)
    return found


def ensure_tilt(settings: StackSettings, report: Report, every_seconds: float = PROGRESS_EVERY_SECONDS) -> Path:
    """The Tilt program, built first when it isn't here; as `ensure_runtime`. The stack itself doesn't need it."""
    found = find_tilt(settings)
    if found is not None:
        return found
    with build_lock(settings, _tilt(), report):
        found = find_tilt(settings)
        if found is None:
            target = tilt_cache(settings)
            build(settings, _tilt(), target, report, every_seconds)
            found = target / TILT
    return found


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


def _kustomize() -> GoTools:
    version = pinned_kustomize()
    return GoTools(
        title="kustomize",
        version=version,
        folder=KUSTOMIZE_FOLDER,
        programs=(KUSTOMIZE,),
        options=(*COMMON_OPTIONS, "-s -w"),
        module=f"sigs.k8s.io/kustomize/kustomize/v5@v{version}",
        cold_bytes=GIGABYTE // 2,
        warm_bytes=GIGABYTE // 5,
        takes="about a minute on 2 cores",
        instead="install kubectl 1.27 or newer, or kustomize 5",
        log_name="kustomize-build.log",
    )


def _tilt() -> GoTools:
    version = pinned_tilt()
    return GoTools(
        title="Tilt",
        version=version,
        folder=TILT_FOLDER,
        programs=(TILT,),
        # Without a version it takes itself for a developer's own, which looks for its page elsewhere.
        options=(*COMMON_OPTIONS, f"-s -w -X main.version={version}"),
        module=f"github.com/tilt-dev/tilt@v{version}",
        cold_bytes=4 * GIGABYTE,
        warm_bytes=GIGABYTE,
        takes="about 4 minutes on 2 cores",
        instead="install Tilt yourself",
        log_name="tilt-build.log",
        cgo=True,
        ready_source=source_with_page,
    )
