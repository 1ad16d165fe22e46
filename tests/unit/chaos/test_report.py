"""The report's promises: every broken one is named, and each fault is shown with what happened until the next."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.chaos.report import problems_of, report_lines, report_of
from cli.chaos.run import Injected, Played, Sampler
from cli.chaos.schedule import Blow, Fault, Kind
from cli.load.load_report import EndedOrder, LoadResult
from devstack.settings import load_settings
from devstack.supervisor.client import StackClient
from shared.shop.views import OrderView
from tests.unit.cli.documents import a_conservation, a_step, an_order_view

pytestmark = pytest.mark.unit

BEGAN = 1_000_000.0
KILL = Fault(10.0, (Blow(Kind.KILL, "payment-service"),), 8.0)
TWO_CHARGES = {"rule": "r", "promise": "One charge.", "subject": "a", "detail": "2 charges"}
PAUSE = Fault(20.0, (Blow(Kind.PAUSE, "postgres", 3.0),), 11.0)


def ended(order_id: str, posted: float, took: float = 0.2, status: str = "completed") -> EndedOrder:
    return EndedOrder(order_id, status, BEGAN + posted, BEGAN + posted + took)


def shown(order_id: str, status: str = "completed", *, undone_at: float | None = None, **changes: object) -> OrderView:
    undo = a_step("refund_payment", "undo", "done", started_at=datetime.fromtimestamp(BEGAN + (undone_at or 0.0), UTC))
    steps = () if undone_at is None else (undo,)
    return an_order_view(order_id=order_id, status=status, steps=steps, **changes)


def a_run(tmp_path: Path, **changes: Any) -> Played:  # noqa: ANN401 - parts of a run
    """Two faults and three orders; the one posted during the kill is undone."""
    sampler = Sampler(load_settings(home=tmp_path), StackClient(tmp_path))
    sampler.repeats = [(BEGAN, 0), (BEGAN + 12, 2), (BEGAN + 25, 7)]
    parts: dict[str, Any] = {
        "began_at": BEGAN,
        "faults": (
            Injected(KILL, BEGAN + 10, BEGAN + 10.1),
            Injected(PAUSE, BEGAN + 20, BEGAN + 23),
        ),
        "load": LoadResult([ended("a", 1), ended("b", 10.5, 2.0, "compensated"), ended("c", 13), ended("d", 21, 2.5)]),
        "orders": (shown("a"), shown("b", "compensated", undone_at=12), shown("c"), shown("d")),
        "conservation": a_conservation(),
        "sampler": sampler,
    }
    return Played(**{**parts, **changes})


def test_a_run_in_which_all_held(tmp_path: Path) -> None:
    """Recovery is counted from the blow to the first completion of an order that was posted after it."""
    report = report_of(a_run(tmp_path), seed=4, minutes=2)

    assert report["holds"]
    assert {"completed": 3, "compensated": 1} == report["ends"]
    assert {"refund_payment": 1} == report["undos"]
    killed, paused = report["faults"]
    assert (3.2, 2, 1) == (killed["recovered_after_seconds"], killed["repeats_absorbed"], killed["undos"])
    assert {"completed": 1, "compensated": 1} == killed["ends"]
    assert (3.5, 3.0, 5) == (paused["recovered_after_seconds"], paused["lasted_seconds"], paused["repeats_absorbed"])


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"load": LoadResult([ended("c", 21)], not_ended=["b"])}, "b has not ended"),
        ({"load": LoadResult([ended("c", 21)], errors=["key-1: away"])}, "a POST was never answered: key-1: away"),
        ({"orders": (shown("a"), shown("b"), shown("c"))}, "d was accepted and is gone"),
        ({"orders": (*(shown(one) for one in "abcd"), shown("e"))}, "e is an order that nobody placed"),
        ({"orders": (shown("a"), shown("b"), shown("c"), shown("d", "in_progress"))}, "d had ended and is in_progress"),
        ({"orders": (shown("a"), shown("b"), shown("c"), shown("d", "needs_attention"))}, "d needs attention and"),
        ({"load": LoadResult([ended("d", 1)])}, "after pause postgres 3 s no new order was completed"),
        (
            {"conservation": a_conservation(holds=False, violations=[TWO_CHARGES])},
            "conservation: r: a: 2 charges",
        ),
    ],
)
def test_a_broken_promise_is_named(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    """With the order or the rule, and the run has failed."""
    played = a_run(tmp_path, **changes)

    assert any(problem in one for one in problems_of(played)), problems_of(played)
    assert not report_of(played, seed=4, minutes=2)["holds"]


def test_an_order_that_needs_attention_is_listed_with_its_reason(tmp_path: Path) -> None:
    """It has ended as far as the machine is concerned; a person reads why."""
    orders = (shown("a"), shown("b"), shown("c"), shown("d", "needs_attention", reason="the gateway says no"))
    report = report_of(a_run(tmp_path, orders=orders), seed=4, minutes=2)

    assert report["holds"]
    assert [{"order_id": "d", "reason": "the gateway says no"}] == report["needs_attention"]
    assert any("d: the gateway says no" in line for line in report_lines(report))


def test_the_text_names_verdict_and_every_fault(tmp_path: Path) -> None:
    """A row per fault; what was broken comes first."""
    good = "\n".join(report_lines(report_of(a_run(tmp_path), seed=4, minutes=2)))
    bad = report_lines(report_of(a_run(tmp_path, load=LoadResult(not_ended=["b"])), seed=4, minutes=2))

    assert good.startswith("`shop chaos --seed 4 --minutes 2`: **nothing was lost")
    assert "| 10 | kill payment-service | 3.2 | 2 | 1 | 1 completed, 1 compensated |" in good.replace(
        "1 compensated, 1 completed", "1 completed, 1 compensated"
    )
    assert "NOT all held" in bad[0]
    assert "- b has not ended" in bad
