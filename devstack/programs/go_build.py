"""Builds programs from a go.mod that names them as tools: minutes once, then never again."""

import fcntl
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from devstack.errors import RuntimeMissingError
from devstack.programs.golang import GoToolchain, find_go
from devstack.programs.runtime import Report
from devstack.settings import StackSettings

POLL_SECONDS = 0.2
NETWORK_SIGNS = (
    "dial tcp",
    "no such host",
    "i/o timeout",
    "proxyconnect",
    "TLS handshake",
    "connection reset",
    "EOF",
)


@dataclass(frozen=True)
class GoTools:
    """What one go.mod builds, and its description for a person."""

    title: str
    version: str
    folder: Path
    """Holds go.mod and go.sum."""
    programs: tuple[str, ...]
    options: tuple[str, ...]
    module: str
    """As it stands in the module cache: once it is there, a build needs little more space."""
    cold_bytes: int
    warm_bytes: int
    takes: str
    instead: str
    """What else a person can do."""
    log_name: str
    cgo: bool = False
    """Whether C is compiled, too."""
    ready_source: Callable[[GoToolchain, Path], tuple[str, ...]] | None = None
    """Makes what the build needs beside go.mod in a scratch folder; returns the options that use it."""


@contextmanager
def build_lock(settings: StackSettings, tools: GoTools, report: Report) -> Iterator[None]:
    """One build at a time: two would take each other's memory."""
    folder = settings.home / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "build.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report(f"another process builds {tools.title} or its neighbours; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def build(settings: StackSettings, tools: GoTools, target: Path, report: Report, every_seconds: float) -> None:
    """Build into `target`, which appears only when complete; `report` receives the progress every so many seconds.

    Raises:
        RuntimeMissingError: no disk space, no network or a failed build, with the place of the log.
    """
    draft = target.with_name(f"{target.name}.draft")
    log = settings.logs / tools.log_name
    log.parent.mkdir(parents=True, exist_ok=True)
    go = find_go(settings.home, report)
    if tools.cgo:
        go = replace(go, environment={**go.environment, "CGO_ENABLED": "1"})
    _check_space(settings, tools, go)
    report(f"building {tools.title} {tools.version} from its Go modules: once, {tools.takes}; log: {log}")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    scratch = draft.with_name(f"{target.name}.source")
    try:
        if tools.ready_source is not None:
            _remove(scratch)
            scratch.mkdir()
            tools = replace(tools, options=(*tools.options, *tools.ready_source(go, scratch)))
        code = _run_build(go, tools, draft, log, report, every_seconds)
        if code != 0:
            raise RuntimeMissingError(_failure(tools, log, code))
        missing = [name for name in tools.programs if not (draft / name).exists()]
        if missing:
            raise RuntimeMissingError(f"the build made no {', '.join(missing)}; see {log}")
        shutil.rmtree(target, ignore_errors=True)
        draft.rename(target)
        if go.own_folder is not None:
            # Not removed here: that takes minutes, and the next build is quick with it.
            report(f"built; {go.own_folder} (7 GB) only speeds up the next build and can be deleted")
    finally:
        shutil.rmtree(draft, ignore_errors=True)
        _remove(scratch)


def _remove(scratch: Path) -> None:
    """Remove a folder in which others may be read-only, as those of the module cache are."""
    for folder, _, _ in os.walk(scratch):
        Path(folder).chmod(0o755)
    shutil.rmtree(scratch, ignore_errors=True)


def _run_build(  # noqa: PLR0913, PLR0917 - all that a build is
    go: GoToolchain, tools: GoTools, draft: Path, log: Path, report: Report, every_seconds: float
) -> int:
    began = time.monotonic()
    with log.open("w") as stream:
        process = subprocess.Popen(  # noqa: S603 - the go command found here
            [go.command, "install", "-v", *tools.options, "tool"],
            cwd=tools.folder,
            env={**go.environment, "GOBIN": str(draft)},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            # A group of its own, so that an interrupted build takes its compilers with it.
            start_new_session=True,
        )
        try:
            said = began
            while process.poll() is None:
                time.sleep(POLL_SECONDS)
                if time.monotonic() - said >= every_seconds:
                    said = time.monotonic()
                    report(_progress(tools, log, said - began))
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    return process.returncode


def _progress(tools: GoTools, log: Path, elapsed_seconds: float) -> str:
    """How far the build is: `go install -v` writes one line per module it fetches and per package it compiles."""
    lines = log.read_text(errors="replace").splitlines()
    fetched = sum(line.startswith("go: downloading ") for line in lines)
    compiled = sum(not line.startswith("go: ") for line in lines)
    minutes, seconds = divmod(int(elapsed_seconds), 60)
    return f"{minutes}:{seconds:02d} building {tools.title}: {fetched} modules fetched, {compiled} packages compiled"


def _check_space(settings: StackSettings, tools: GoTools, go: GoToolchain) -> None:
    modules = Path(go.variable("GOMODCACHE"))
    needed = tools.warm_bytes if (modules / tools.module).exists() else tools.cold_bytes
    for place in (settings.home, modules, Path(go.variable("GOCACHE"))):
        existing = next(folder for folder in (place, *place.parents) if folder.exists())
        free = shutil.disk_usage(existing).free
        if free < needed:
            raise RuntimeMissingError(
                f"building {tools.title} needs {_gigabytes(needed)} of disk space, and {existing} has "
                f"{free / 1024**3:.1f} GB free; free some, move SHOP_HOME, or {tools.instead}"
            )


def _gigabytes(size: int) -> str:
    return f"{size / 1024**3:.2g} GB"


def _failure(tools: GoTools, log: Path, code: int) -> str:
    text = log.read_text(errors="replace")
    title = tools.title
    if "no space left on device" in text:
        space = _gigabytes(tools.cold_bytes)
        return f"the build of {title} ran out of disk space; free about {space} and try again; log: {log}"
    if "signal: killed" in text:
        return f"the build of {title} was killed, most likely for lack of memory (2 GB are needed); log: {log}"
    lines = [line for line in text.splitlines() if line and not line.startswith("go: downloading ")]
    last = lines[-1] if lines else f"exit code {code}"
    if any(sign in line for sign in NETWORK_SIGNS for line in lines[-20:]):
        return f"the Go modules of {title} can't be fetched: the network or GOPROXY fails ({last}); log: {log}"
    return f"the build of {title} failed: {last}; log: {log}"
