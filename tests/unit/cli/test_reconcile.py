"""What `shop reconcile` prints."""

import pytest

from cli.shop.conservation import findings
from shared.shop.reports import ReconciliationReport

pytestmark = pytest.mark.unit

SWEPT = "2026-01-01T00:00:02Z"
FINDING = {
    "kind": "workflow_gone",
    "subject": "ord-1",
    "seen": "the engine has no workflow ord-1",
    "why": "Nobody brings the order to its end.",
    "action": "The recovery ord-1-recovery-1 was started.",
    "advice": "Nothing.",
    "first_seen_at": "2026-01-01T00:00:00Z",
    "last_seen_at": "2026-01-01T00:00:01Z",
    "resolved_at": None,
}


def a_report(**changes: object) -> ReconciliationReport:
    nothing = {
        "reconciled": True,
        "swept_at": SWEPT,
        "audited_at": SWEPT,
        "skipped": None,
        "findings": [],
        "resolved": [],
    }
    return ReconciliationReport.model_validate({**nothing, **changes})


def test_a_reconciled_shop_in_one_line() -> None:
    assert list(findings(a_report())) == ["reconciled: nothing found (last sweep 2026-01-01T00:00:02Z)"]


def test_a_finding_is_explained() -> None:
    """What was seen, why it matters, what was done, what is to do."""
    assert list(findings(a_report(reconciled=False, findings=[FINDING]))) == [
        "found: workflow_gone: ord-1 (since 2026-01-01T00:00:00Z)",
        "  seen     the engine has no workflow ord-1",
        "  matters  Nobody brings the order to its end.",
        "  done     The recovery ord-1-recovery-1 was started.",
        "  to do    Nothing.",
        "NOT reconciled: 1 findings (last sweep 2026-01-01T00:00:02Z)",
    ]


def test_what_was_not_looked_at_is_said() -> None:
    """Nothing found is no good news if nobody could look."""
    report = a_report(reconciled=False, skipped="The sidecar isn't placed yet.")

    assert next(iter(findings(report))) == "not looked at: The sidecar isn't placed yet."


def test_resolved_findings_are_shown_shortly() -> None:
    resolved = {**FINDING, "resolved_at": "2026-01-01T00:00:03Z"}

    assert next(iter(findings(a_report(resolved=[resolved])))) == (
        "resolved at 2026-01-01T00:00:03Z: workflow_gone: ord-1: The recovery ord-1-recovery-1 was started."
    )
