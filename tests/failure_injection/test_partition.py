"""Network partitions: each app with its sidecar on a host of its own, one of which is cut off from the others.

Connections hang instead of being refused, as when a switch dies. What happens to a call is decided by when the
partition heals: within the step's deadline the call takes effect once, after it the order is undone, and nothing is
doubled. Executions are at least one: a call that was on its way when the network broke can arrive beside its repeat.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack.network import missing_for_namespaces
from tests.e2e.shop import NO_PARCEL, Shop, eventually, fault, outcomes
from tests.failure_injection.evidence import Evidence
from tests.failure_injection.own_stack import own_stack

MISSING = missing_for_namespaces(Path(__file__))
pytestmark = pytest.mark.skipif(MISSING is not None, reason=f"no network namespaces: {MISSING}")

PARTICIPANTS = {
    "reserve_stock": "inventory-service",
    "process_payment": "payment-service",
    "book_shipment": "shipping-service",
}
UNDOS = ("cancel_shipment", "refund_payment", "release_stock")


@pytest.fixture(scope="module")
def hosts() -> Iterator[tuple[Shop, Evidence]]:
    """A stack on five hosts; at the end every order has ended and conservation holds."""
    with own_stack(SHOP_NETWORK="namespaces") as (shop, evidence):
        # The order-service learns the prices from a host that is about to be cut off.
        assert shop.end_of(shop.order())["status"] == "completed"
        yield shop, evidence
        shop.all_end()
        report = shop.conservation()
        assert report["holds"], report["violations"]


@pytest.fixture
def shop(hosts: tuple[Shop, Evidence]) -> Shop:
    return hosts[0]


@pytest.fixture
def evidence(hosts: tuple[Shop, Evidence]) -> Evidence:
    return hosts[1]


class Partition:
    """A partition that lasts."""

    def __init__(self, shop: Shop) -> None:
        self._log = shop.stack.home / "logs" / "placement.log"
        self._before = self._drops()

    def is_noticed(self, sidecars: int = 1) -> None:
        """Return when placement has dropped the sidecars that are cut off: they must find their way back themselves."""
        eventually(lambda: True if self._drops() - self._before >= sidecars else None, "placement drops the sidecars")

    def _drops(self) -> int:
        return self._log.read_text(errors="replace").count("Closing connection")


@contextmanager
def partitioned(shop: Shop, host: str) -> Iterator[Partition]:
    """This host is cut off for as long as the block lasts, and the stack is whole again after it."""
    partition = Partition(shop)
    shop.stack.partition(host)
    try:
        yield partition
    finally:
        shop.stack.heal(host)
        shop.stack.wait_ready()


@pytest.mark.parametrize("step", PARTICIPANTS)
def test_a_call_takes_effect_once_when_its_partition_heals_within_the_deadline(
    shop: Shop, evidence: Evidence, step: str
) -> None:
    """The engine goes on trying; the saga only sees a call that took long, however often it was carried out."""
    with partitioned(shop, PARTICIPANTS[step]) as partition:
        order_id = shop.order()
        shop.reaches(order_id, step)
        partition.is_noticed()

    order = shop.end_of(order_id)
    assert order["status"] == "completed"
    assert [1, 1, 1] == [done["attempts"] for done in order["steps"]]
    assert {(1, "done")} == set(evidence.executions(order_id, step))
    assert 1 == evidence.effects(order_id, step)


def test_participants_that_stay_cut_off_are_undone_when_they_are_back(shop: Shop) -> None:
    """The deadline passes while nobody knows what happened there: that is undone too, once somebody can be asked."""
    with partitioned(shop, "shipping-service"):
        order_id = shop.order()
        shop.reaches(order_id, "book_shipment", "unknown")

    order = shop.end_of(order_id)
    assert order["status"] == "compensated"
    assert [(undo, "done") for undo in UNDOS] == outcomes(order)[3:]


def test_a_reply_that_a_partition_swallows_takes_no_second_effect(shop: Shop, evidence: Evidence) -> None:
    """The participant is cut off while it works: it commits or not, and is asked again; the parcel goes out once."""
    order_id = shop.order(fault("book_shipment", "delay", seconds=3))
    shop.reaches(order_id, "book_shipment")

    with partitioned(shop, "shipping-service") as partition:
        partition.is_noticed()

    assert shop.end_of(order_id)["status"] == "completed"
    assert evidence.executions(order_id, "book_shipment")[1, "done"] >= 1
    assert 1 == evidence.effects(order_id, "book_shipment")


def test_the_order_services_host_is_cut_off(shop: Shop) -> None:
    """The saga stands still where it is, and goes on when the network is back: forward and backward."""
    forward = shop.order(fault("process_payment", "delay", seconds=3))
    backward = shop.order(fault("refund_payment", "delay", seconds=3), NO_PARCEL)
    shop.reaches(forward, "process_payment")
    shop.reaches(backward, "refund_payment")

    with partitioned(shop, "order-service") as partition:
        partition.is_noticed()

    assert shop.end_of(forward)["status"] == "completed"
    assert shop.end_of(backward)["status"] == "compensated"


def test_the_main_host_is_cut_off(shop: Shop) -> None:
    """Database, placement, scheduler and gateway are away for all apps at once; afterwards everything goes on."""
    order_ids = [shop.order(fault("process_payment", "delay", seconds=2)) for _ in range(3)]
    shop.reaches(order_ids[0], "process_payment")

    with partitioned(shop, "main") as partition:
        partition.is_noticed(sidecars=4)

    for order_id in order_ids:
        assert shop.end_of(order_id)["status"] == "completed"
    new = shop.order()
    assert shop.end_of(new)["status"] == "completed"
