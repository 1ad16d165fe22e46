"""The demonstration's expectations: a right story passes, each wrong one is named."""

import pytest

from cli.demo import DemoCase, demo_cases, deviations
from cli.shop.order_body import OrderUsageError
from shared.shop.views import OrderView
from tests.unit.cli.documents import a_product, a_step, an_order_view
from tests.unit.saga.played_orders import undone_before, undone_from

pytestmark = pytest.mark.unit

REFUSED = DemoCase("declined", {}, "compensated", {"process_payment": "refused"}, ("release_stock",))


def test_there_is_an_order_for_each_thing_that_can_happen() -> None:
    """One that completes, one refused and one with a lost reply per step, an unknown one, a crash."""
    cases = demo_cases([a_product("PLENTY", 5000), a_product("SCARCE", 3)])

    assert len(cases) == 9
    assert [case.status for case in cases].count("completed") == 5
    assert {outcome for case in cases for outcome in case.outcomes.items()} == {
        ("reserve_stock", "refused"),
        ("process_payment", "refused"),
        ("book_shipment", "refused"),
        ("process_payment", "unknown"),
    }
    assert cases[1].body["lines"] == [{"sku": "SCARCE", "quantity": 4}]


def test_what_was_done_before_is_undone_newest_first() -> None:
    """By the saga's own steps, as the engine in memory undoes them."""
    cases = {
        tuple(case.outcomes.items()): case.undone for case in demo_cases([a_product("A", 5000), a_product("B", 3)])
    }

    for step in ("reserve_stock", "process_payment", "book_shipment"):
        assert [*cases[(step, "refused"),], "close_order"] == undone_before(step)
    assert [*cases[("process_payment", "unknown"),], "close_order"] == undone_from("process_payment")


def test_a_catalogue_that_cannot_show_it_is_explained() -> None:
    """Nothing in stock, or nothing scarce."""
    with pytest.raises(OrderUsageError, match="nothing is in stock"):
        demo_cases([])
    with pytest.raises(OrderUsageError, match="scarce"):
        demo_cases([a_product("PLENTY", 50_000)])


def test_the_expected_story_passes() -> None:
    """Reserved, declined, released."""
    assert deviations(REFUSED, _order("compensated", _RESERVED, _DECLINED, _RELEASED)) == []


@pytest.mark.parametrize(
    ("order", "named"),
    [
        (("completed", "reserve_stock do done", "process_payment do refused", "release_stock undo done"), "completed"),
        (("compensated", "reserve_stock do done", "process_payment do refused"), "nothing"),
        (
            ("compensated", "reserve_stock do done", "process_payment do refused", "release_stock undo failed"),
            "release_stock is failed",
        ),
        (
            ("compensated", "reserve_stock do done", "process_payment do unknown", "release_stock undo done"),
            "process_payment is unknown, not refused",
        ),
        (
            (
                "compensated",
                "reserve_stock do done",
                "process_payment do refused",
                "book_shipment do done",
                "release_stock undo done",
            ),
            "book_shipment is done, not absent",
        ),
    ],
)
def test_a_wrong_story_is_named(order: tuple[str, ...], named: str) -> None:
    """What differs is in the sentence."""
    status, *steps = order

    assert named in "; ".join(deviations(REFUSED, _order(status, *steps)))


def test_a_recovery_without_a_retry_is_none() -> None:
    """Else the demo would pass where no fault struck."""
    case = DemoCase("lost reply", {}, "completed", retried="book_shipment")
    steps = ("reserve_stock do done", "process_payment do done", "book_shipment do done")

    assert deviations(case, _order("completed", *steps)) == ["book_shipment was tried only once"]
    assert deviations(case, _order("completed", *steps, attempts=2)) == []


_RESERVED = "reserve_stock do done"
_DECLINED = "process_payment do refused"
_RELEASED = "release_stock undo done"


def _order(status: str, *steps: str, attempts: int = 1) -> OrderView:
    return an_order_view(status=status, steps=[a_step(*step.split(), attempts=attempts) for step in steps])


def test_only_the_crash_kills_a_process() -> None:
    """Every other order can be placed beside all others; its attempts are its own."""
    cases = demo_cases([a_product("PLENTY", 5000), a_product("SCARCE", 3)])

    assert [case.kills for case in cases] == [
        any(fault["mode"].startswith("crash") for fault in case.body.get("faults", ())) for case in cases
    ]
