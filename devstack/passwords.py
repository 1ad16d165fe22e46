"""The stack's generated passwords, kept in one file that only its user can read."""

import fcntl
import json
import os
import secrets
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from devstack.errors import StackError

PASSWORD_BYTES = 24


@dataclass(frozen=True)
class Passwords:
    """One password per login role of the database.

    `superuser` is that of the embedded server, `broker` that of the embedded broker, and `push_webhook` signs what the
    mailbox gets.
    """

    superuser: str
    order_service: str
    payment_service: str
    inventory_service: str
    shipping_service: str
    payment_gateway: str
    notification_service: str
    ml_inference_service: str
    audit_service: str
    audit_writer: str
    task_orchestrator_service: str
    event_relay: str
    dapr: str
    auditor: str
    broker: str
    push_webhook: str

    def of(self, owner: str) -> str:
        """The password of a role by its suffix, such as `order_service`."""
        return str(getattr(self, owner))


def load_passwords(home: Path) -> Passwords:
    """Read the passwords, first making those that are missing; safe when two processes do it at once.

    Where none is missing nothing is written: in a cluster the file is a secret, which is mounted to be read.
    """
    home.mkdir(parents=True, exist_ok=True)
    file = home / "secrets.json"
    found = _read(file)
    if all(found.get(field.name) for field in fields(Passwords)):
        return Passwords(**{field.name: found[field.name] for field in fields(Passwords)})
    with (home / "secrets.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        kept = _read(file)
        complete = Passwords(
            **{field.name: kept.get(field.name) or secrets.token_hex(PASSWORD_BYTES) for field in fields(Passwords)}
        )
        if asdict(complete) != kept:
            write_private(file, json.dumps(asdict(complete), indent=2))
    return complete


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
