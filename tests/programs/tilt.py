"""Finds the Tilt program, and readies its source for a build: the Go module lacks the web page that it looks for."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from devstack.errors import RuntimeMissingError
from devstack.programs.build import COMMON_OPTIONS, GIGABYTE, ensure
from devstack.programs.go_build import RUNTIME_FOLDER, GoToolchain, GoTools, Report, find_go, from_go_mod
from devstack.settings import StackSettings, load_settings

TILT_FOLDER = RUNTIME_FOLDER / "tilt"
PROGRAM = "tilt"
MODULE = "github.com/tilt-dev/tilt"
# Tilt doesn't start without a page. Who wants its real one installs a release of Tilt.
PAGE = (
    "<!doctype html><title>Tilt</title><p>This Tilt was built without its web page: it is for tests and the command "
    "line. Install a release of Tilt to see the page."
)


def pinned_tilt() -> str:
    """The version of Tilt that `runtime/tilt/go.mod` pins: the one place where it is written."""
    return from_go_mod(TILT_FOLDER, r"^\s*(?:require )?github\.com/tilt-dev/tilt v(\S+)")


def tilt_cache(settings: StackSettings) -> Path:
    """The folder where Tilt is kept once it is built."""
    return settings.home / "bin" / f"tilt-{pinned_tilt()}"


def find_tilt(settings: StackSettings) -> Path | None:
    """The program to run, or None when it must be built: what we built before, PATH."""
    # Complete by construction: the folder appears under this name only when all is built.
    cached = tilt_cache(settings) / PROGRAM
    if cached.exists():
        return cached
    on_path = shutil.which(PROGRAM)
    return Path(on_path) if on_path is not None else None


def ensure_tilt(settings: StackSettings, report: Report) -> Path:
    """The Tilt program, built first when it isn't here; see `devstack.programs.build.ensure`."""
    found = find_tilt(settings)
    if found is not None:
        return found
    scratch = settings.home / f"tilt-source-{os.getpid()}"
    scratch.mkdir(parents=True)
    try:
        tools = _tilt(source_with_page(find_go(settings.home, report), scratch))
        return ensure(settings, tools, find_tilt, tilt_cache(settings), report)
    finally:
        _remove(scratch)


def c_compiler() -> str | None:
    """The C compiler here, which a build needs."""
    return shutil.which("cc") or shutil.which("gcc")


def source_with_page(go: GoToolchain, scratch: Path) -> tuple[str, ...]:
    """Copy Tilt's module into `scratch` and add a page; returns the options that build from there."""
    if c_compiler() is None:
        raise RuntimeMissingError(
            "building Tilt needs a C compiler (Debian: apt-get install gcc libc6-dev); install it, or Tilt itself"
        )
    source, mod_file = scratch / "source", scratch / "go.mod"
    shutil.copytree(_module(go), source, copy_function=shutil.copyfile)
    page = source / "pkg" / "assets" / "build" / "index.html"
    # Folders of the module cache are read-only, and so are their copies.
    page.parent.chmod(0o755)
    page.write_text(PAGE)
    for name in ("go.mod", "go.sum"):
        shutil.copyfile(TILT_FOLDER / name, scratch / name)
    _run(go, "mod", "edit", f"-replace={MODULE}={source}", str(mod_file))
    return (f"-modfile={mod_file}",)


def _remove(scratch: Path) -> None:
    """Remove a folder in which others may be read-only, as those of the module cache are."""
    for folder, _, _ in os.walk(scratch):
        Path(folder).chmod(0o755)
    shutil.rmtree(scratch, ignore_errors=True)


def _module(go: GoToolchain) -> Path:
    # With the checksums of go.sum, since it runs in the folder of our go.mod.
    return Path(json.loads(_run(go, "mod", "download", "-json", MODULE))["Dir"])


def _run(go: GoToolchain, *arguments: str) -> str:
    answer = subprocess.run(
        [go.command, *arguments],
        cwd=TILT_FOLDER,
        env={**os.environ, **go.environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        said = (answer.stderr or answer.stdout).strip()
        raise RuntimeMissingError(f"the source of Tilt can't be readied: {said}; is the network there?")
    return answer.stdout


def _tilt(options: tuple[str, ...]) -> GoTools:
    version = pinned_tilt()
    return GoTools(
        title="Tilt",
        version=version,
        folder=TILT_FOLDER,
        programs=(PROGRAM,),
        # Without a version it takes itself for a developer's own, which looks for its page elsewhere.
        options=(*COMMON_OPTIONS, f"-s -w -X main.version={version}", *options),
        module=f"github.com/tilt-dev/tilt@v{version}",
        cold_bytes=4 * GIGABYTE,
        warm_bytes=GIGABYTE,
        takes="about 4 minutes on 2 cores",
        instead="install Tilt yourself",
        log_name="tilt-build.log",
        cgo=True,
    )


if __name__ == "__main__":
    sys.stdout.write(f"Tilt: {ensure_tilt(load_settings(), print)}\n")
