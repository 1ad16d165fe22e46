"""What a log line never holds: passwords, tokens, and customers' data, also not in what Postgres and pydantic quote.

Each logs in a process of its own, since the set-up is a process's.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

PROJECT = Path(__file__).parents[3]
SECRETS = ("hunter2", "tok_visa", "ada@example.org")

REFUSED_ROW = """
password = "hunter2"
error = CheckViolationError("new row violates check constraint")
error.detail = f"Failing row contains (ord-1, two\\nlines, ada@example.org, {password})."
try:
    raise error
except CheckViolationError as refused:
    raise RuntimeError("outer") from refused
"""
REFUSED_VALUE = """
raise DataError("invalid input for query argument $1: 'ada@example.org' (value out of range)")
"""
UNREADABLE_MESSAGE = """
token = "tok_visa"
Fault.model_validate({"activity": "a", "mode": "refuse", "times": token})
"""
SCRIPT = """
import logging
import structlog
from asyncpg.exceptions import CheckViolationError, DataError
from shared.contracts.call import Fault
from shared.service.lifecycle import configure_logs

configure_logs("payment-service")

def fails():
    %s

try:
    fails()
except Exception as error:
    logging.getLogger("a library").exception("failed too")
    structlog.get_logger().exception("failed", error=str(error))
"""


@pytest.mark.parametrize(
    ("fails", "names"),
    [
        (REFUSED_ROW, ["RuntimeError", "CheckViolationError"]),
        (REFUSED_VALUE, ["DataError"]),
        (UNREADABLE_MESSAGE, ["ValidationError"]),
    ],
)
def test_a_traceback_tells_where_and_not_what_about(fails: str, names: list[str]) -> None:
    script = SCRIPT % fails.strip().replace("\n", "\n    ")
    ran = subprocess.run([sys.executable, "-c", script], cwd=PROJECT, capture_output=True, text=True, check=True)
    line = ran.stdout.splitlines()[-1]

    raised = json.loads(line)["exception"]
    assert [one["exc_type"] for one in raised] == names
    assert "fails" in [frame["name"] for frame in raised[0]["frames"]]
    assert "ERROR a library failed too" in ran.stdout, "libraries log as well"
    assert not [secret for secret in SECRETS if secret in ran.stdout]


def test_a_line_that_cannot_be_written_is_lost_and_nothing_else() -> None:
    """On a full disk the answer of a step that has committed must not be lost with its log line."""
    script = "from shared.service.lifecycle import configure_logs; import structlog; configure_logs('a'); "
    script += "structlog.get_logger().info('lost'); import sys; sys.stderr.write('went on')"
    with Path("/dev/full").open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-u", "-c", script],
            cwd=PROJECT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )

    assert "went on" in ran.stderr
