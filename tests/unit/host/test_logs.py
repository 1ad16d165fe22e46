"""What a log line never holds: passwords, tokens, and customers' data, also not in what Postgres and pydantic quote."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import structlog
from asyncpg.exceptions import CheckViolationError
from pydantic import ValidationError

from shared.contracts.message import Message
from shared.service.lifecycle import configure_logs

pytestmark = pytest.mark.unit

SECRETS = ("hunter2", "tok_visa", "ada@example.org")


class Card(Message):
    number: int


def refused_row() -> None:
    password = "hunter2"
    error = CheckViolationError("new row violates check constraint")
    error.detail = f"Failing row contains (ord-1, ada@example.org, {password})."
    raise error


def unreadable_message() -> None:
    token = "tok_visa"
    Card.model_validate({"number": token})


@pytest.mark.parametrize("fails", [refused_row, unreadable_message])
def test_a_traceback_tells_where_and_not_what_about(fails: object, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("payment-service")
    assert callable(fails)
    try:
        fails()
    except (CheckViolationError, ValidationError) as error:
        structlog.get_logger().exception("failed", error=str(error))
    line = capsys.readouterr().out.splitlines()[-1]

    written = json.loads(line)
    assert written["exception"][0]["exc_type"] in {"CheckViolationError", "ValidationError"}
    assert written["exception"][0]["frames"][-1]["name"]
    assert not [secret for secret in SECRETS if secret in line]


def test_a_line_that_cannot_be_written_is_lost_and_nothing_else() -> None:
    """On a full disk the answer of a step that has committed must not be lost with its log line."""
    script = "from shared.service.lifecycle import configure_logs; import structlog; configure_logs('a'); "
    script += "structlog.get_logger().info('lost'); import sys; sys.stderr.write('went on')"
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-u", "-c", script], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert "went on" in ended.stderr
