"""What `shop order` makes of its options."""

import json

import pytest

from cli.shop.order_body import OrderUsageError, order_body, pair_lines, parse_fault
from order_service.acceptance import OrderBody
from shared.contracts.call import Fault, FaultMode

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("process_payment:fail", Fault(activity="process_payment", mode=FaultMode.FAIL)),
        ("process_payment:fail:99", Fault(activity="process_payment", mode=FaultMode.FAIL, times=99)),
        ("reserve_stock:hang:2:0.5", Fault(activity="reserve_stock", mode=FaultMode.HANG, times=2, seconds=0.5)),
    ],
)
def test_a_fault_spec_is_read(spec: str, fault: Fault) -> None:
    """The parts left out have the contract's defaults."""
    assert parse_fault(spec) == fault


@pytest.mark.parametrize(
    ("spec", "hint"),
    [
        ("process_payment", "activity:mode"),
        ("a:fail:1:2:3", "activity:mode"),
        ("process_payment:explode", "lose_reply"),
        ("process_payment:fail:0", "times"),
        ("process_payment:fail:many", "times"),
        ("process_payment:delay:1:-1", "seconds"),
        (":fail", "activity"),
    ],
)
def test_a_wrong_fault_spec_is_explained(spec: str, hint: str) -> None:
    """The sentence names the part that is wrong."""
    with pytest.raises(OrderUsageError, match=hint):
        parse_fault(spec)


def test_skus_and_quantities_are_paired() -> None:
    """In the order in which they are given; one quantity counts for all."""
    assert pair_lines(["A", "B"], [1, 2], None) == [("A", 1), ("B", 2)]
    assert pair_lines(["A", "B"], [3], None) == [("A", 3), ("B", 3)]
    assert pair_lines([], [], "FIRST") == [("FIRST", 1)]


def test_what_cannot_be_paired_is_explained() -> None:
    """Nothing is guessed."""
    with pytest.raises(OrderUsageError, match="3 --sku and 2 --quantity"):
        pair_lines(["A", "B", "C"], [1, 2], None)
    with pytest.raises(OrderUsageError, match="catalogue is empty"):
        pair_lines([], [], None)


def test_the_body_is_what_the_contract_takes() -> None:
    """With and without faults."""
    fault = Fault(activity="process_payment", mode=FaultMode.FAIL)

    assert OrderBody.model_validate_json(json.dumps(order_body([("A", 1)], faults=[fault]))).faults == (fault,)
    assert "faults" not in order_body([("A", 1)])
