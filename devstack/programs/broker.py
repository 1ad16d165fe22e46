"""Finds the nats-server that the stack runs as its broker."""

import shutil
from pathlib import Path

from devstack.errors import RuntimeMissingError
from devstack.programs.runtime import RUNTIME_FOLDER, from_go_mod, said_version, version_numbers
from devstack.settings import StackSettings

BROKER_FOLDER = RUNTIME_FOLDER / "nats"
PROGRAM = "nats-server"
# Older ones don't know the setting by which every message is on the disk before it is acknowledged.
OLDEST_USABLE = (2, 10, 0)


def pinned_broker() -> str:
    """The version of nats-server that `runtime/nats/go.mod` pins: the one place where it is written."""
    return from_go_mod(BROKER_FOLDER, r"^\s*github\.com/nats-io/nats-server/v2 v(\S+)")


def broker_cache(settings: StackSettings) -> Path:
    """The folder where the broker is kept once it is built."""
    return settings.home / "bin" / f"nats-{pinned_broker()}"


def find_broker(settings: StackSettings) -> Path | None:
    """The program to run, or None when it must be built: NATS_SERVER, what we built before, PATH."""
    if settings.nats_server is not None:
        return _demanded(settings.nats_server)
    # Complete by construction: the folder appears under this name only when all is built.
    cached = broker_cache(settings) / PROGRAM
    if cached.exists():
        return cached
    on_path = shutil.which(PROGRAM)
    return Path(on_path) if on_path is not None and _is_usable(Path(on_path)) else None


def _demanded(program: Path) -> Path:
    if not _is_usable(program):
        oldest = ".".join(map(str, OLDEST_USABLE))
        raise RuntimeMissingError(
            f"NATS_SERVER={program} must be a nats-server of version {oldest} or newer; "
            "correct it, or unset it to have one built"
        )
    return program


def _is_usable(program: Path) -> bool:
    return version_numbers(said_version(program)) >= OLDEST_USABLE
