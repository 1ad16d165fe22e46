"""`shop conservation`: what it says when something was lost, and to whom."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from shared.shop.reports import ConservationReport
from tests.unit.cli.documents import a_conservation

pytestmark = pytest.mark.unit

RULES = [{"rule": rule, "promise": "It adds up."} for rule in ("money_adds_up", "stock_adds_up")]
VIOLATION = {**RULES[0], "subject": "ord-1", "detail": "100 cents too much"}
HOLDS = a_conservation(orders=3, rules=RULES)
LOST = a_conservation(orders=3, rules=RULES, holds=False, violations=[VIOLATION])


@contextmanager
def shop_that_reports(report: ConservationReport) -> Iterator[str]:
    """The URL of a shop that gives this report to whoever asks."""

    class Shop(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(report.model_dump_json().encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name in the library
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Shop) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()


def conservation(monkeypatch: pytest.MonkeyPatch, report: ConservationReport, *options: str) -> Result:
    with shop_that_reports(report) as url:
        monkeypatch.setenv("SHOP_API_URL", url)
        return CliRunner().invoke(app, ["conservation", *options])


def test_a_violation_is_followed_by_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    result = conservation(monkeypatch, LOST)

    *_, violation, conclusion, advice = result.stdout.splitlines()
    assert 1 == result.exit_code
    assert "violated: money_adds_up: ord-1: 100 cents too much" == violation
    assert "conservation does NOT hold: 1 violations (2 rules)" == conclusion
    assert all(step in advice for step in ("`shop show ORDER`", "`shop reconcile`", "docs/failures.md"))


def test_where_all_adds_up_there_is_nothing_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    result = conservation(monkeypatch, HOLDS)

    assert (0, "conservation holds (2 rules)") == (result.exit_code, result.stdout.splitlines()[-1])


def test_a_program_gets_the_report_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    result = conservation(monkeypatch, LOST, "--json")

    assert (1, LOST) == (result.exit_code, ConservationReport.model_validate_json(result.stdout))
