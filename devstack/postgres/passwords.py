"""The stack's generated passwords, kept in one file that only its user can read."""

import fcntl
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from devstack.errors import StackError
from devstack.settings import StackSettings
from shared.contracts.app import Registry

PASSWORD_BYTES = 24

# Of the embedded server.
SUPERUSER_PASSWORD = "superuser"  # noqa: S105 - a name
# The owner of the workflow state store, which is a database of its own.
DAPR = "dapr"
# What the audit-service runs as: it appends to and reads what the role "audit_service" owns, and changes nothing.
AUDIT_WRITER = "audit_writer"
# Reads what the registry says, writes nothing.
AUDITOR = "auditor"
# Of the embedded broker.
BROKER_PASSWORD = "broker"  # noqa: S105 - a name
# Signs what the mailbox gets.
PUSH_WEBHOOK = "push_webhook"

Passwords = Mapping[str, str]
"""By login role of the database (without the database's name before it), and by the names above."""


def password_names(registry: Registry) -> tuple[str, ...]:
    """Whatever has a password."""
    return (SUPERUSER_PASSWORD, *registry.schemas, AUDIT_WRITER, DAPR, AUDITOR, BROKER_PASSWORD, PUSH_WEBHOOK)


def load_passwords(settings: StackSettings) -> Passwords:
    """All passwords of the stack, first making those that are missing."""
    return ensure_passwords(settings.home, password_names(settings.registry))


def ensure_passwords(home: Path, names: Sequence[str]) -> Passwords:
    """Read these passwords, first making those that are missing; safe when two processes do it at once.

    Where none is missing nothing is written: in a cluster the file is a secret, which is mounted to be read.
    """
    home.mkdir(parents=True, exist_ok=True)
    file = home / "secrets.json"
    found = _read(file)
    if not all(found.get(name) for name in names):
        with (home / "secrets.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            found = _read(file)
            found |= {name: secrets.token_hex(PASSWORD_BYTES) for name in names if not found.get(name)}
            write_private(file, json.dumps(found, indent=2))
    return {name: found[name] for name in names}


def write_private(file: Path, text: str) -> None:
    """Replace a file at once with one that only its owner can read."""
    draft = file.with_name(f".{file.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
    draft.replace(file)


def _read(file: Path) -> dict[str, str]:
    try:
        kept = json.loads(file.read_text())
    except FileNotFoundError:
        return {}
    except ValueError:
        raise StackError(
            f"{file} can't be read as JSON; delete it, and new passwords are made "
            "(with the embedded Postgres delete its folder too, or restore the file)"
        ) from None
    return {str(name): str(value) for name, value in kept.items()}
