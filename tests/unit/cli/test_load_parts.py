"""The mix and the figures of `shop load`."""

from collections import Counter
from typing import Any

import pytest

from cli.load.load_report import EndedOrder, LoadResult, cpu_spent, percentile, summarise
from cli.load.mix import DECLINED, NO_PARCEL, Mix, assortment, plan_orders
from cli.shop.order_body import OrderUsageError
from devstack.supervisor.client import ProcessStatus, StackStatus
from tests.unit.cli.documents import a_conservation, a_product

pytestmark = pytest.mark.unit

SKUS = ["A", "B", "C", "D"]


def test_the_shares_are_exact() -> None:
    """200 orders with 10 % refused and 10 % broken are 20 and 20, and no order is both."""
    kinds = Counter(_kind(order.body) for order in plan_orders(200, Mix(0.1, 0.1, 7), SKUS, "run"))

    assert kinds == {"refused": 20, "faulty": 20, "plain": 160}


def test_outside_demo_mode_orders_are_refused_at_the_card() -> None:
    """No order may carry a fault there."""
    plan = plan_orders(100, Mix(0.3, 0.0, 7, at_the_card_only=True), SKUS, "run")

    assert sum(order.body["payment"]["token"] == DECLINED for order in plan) == 30
    assert not any("faults" in order.body for order in plan)


def test_a_seed_gives_the_same_mix_with_other_keys() -> None:
    """A second load of the same seed is no repeat of the first one's orders."""
    first, second = (plan_orders(50, Mix(0.2, 0.2, 3), SKUS, run) for run in ("one", "two"))

    assert [order.body for order in first] == [order.body for order in second]
    assert {order.key for order in first}.isdisjoint(order.key for order in second)
    assert len({order.key for order in first}) == 50


def test_a_cancel_comes_soon_after_its_order() -> None:
    """Soon enough for most to win their race with the pivot; only those orders are cancelled."""
    plan = plan_orders(100, Mix(0.1, 0.1, 3, cancelled=0.2), SKUS, "run")
    delays = [order.cancel_after_seconds for order in plan if order.cancel_after_seconds is not None]

    assert len(delays) == 20
    assert all(0 <= delay < 1 for delay in delays)
    with pytest.raises(OrderUsageError, match="more than all"):
        plan_orders(10, Mix(0.4, 0.4, 1, cancelled=0.4), SKUS, "run")


def test_more_than_all_orders_cannot_be_special() -> None:
    """The shares are of one whole."""
    with pytest.raises(OrderUsageError, match="more than all"):
        plan_orders(10, Mix(0.6, 0.6, 1), SKUS, "run")


def test_the_assortment_has_one_currency_and_stock() -> None:
    """An order has one currency; scarce products would be refusals nobody asked for."""
    products = [a_product("A", 100), a_product("B", 900), a_product("C", 1), a_product("D", 999, "USD")]

    assert assortment(products) == ["B", "A"]
    with pytest.raises(OrderUsageError, match="in stock"):
        assortment([a_product("A", 0)])


def test_percentiles_are_values_that_occurred() -> None:
    """By nearest rank."""
    values = [float(number) for number in range(100, 0, -1)]

    assert [percentile(values, percent) for percent in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert percentile([7.0], 50) == percentile([7.0], 99) == 7.0
    assert percentile([], 50) is None


def test_a_process_started_anew_counts_from_its_start() -> None:
    """Its clock began at zero; the difference to the old one would be negative."""
    before = _status(("kept", 1, 10.0), ("killed", 2, 50.0))
    after = _status(("kept", 1, 12.0), ("killed", 3, 1.5))

    assert cpu_spent(before, after) == pytest.approx(3.5)


def test_the_summary() -> None:
    """Throughput is from the first POST to the last end."""
    ended = [EndedOrder("a", "completed", 100.0, 100.5), EndedOrder("b", "compensated", 101.0, 102.0)]
    result = LoadResult(ended=ended, not_ended=["c"])

    summary = summarise(result, 0.3, a_conservation())

    assert summary["orders_per_second"] == 1.0
    assert summary["latency_ms"] == {"p50": 500.0, "p95": 1000.0, "p99": 1000.0}
    assert summary["ends"] == {"compensated": 1, "completed": 1}
    assert summary["cpu_ms_per_order"] == 150.0
    assert summary["not_ended"] == ["c"]


def test_the_summary_of_nothing() -> None:
    """No division by zero, and no made-up figures."""
    summary = summarise(LoadResult(), None, a_conservation())

    assert summary["orders_per_second"] is summary["cpu_ms_per_order"] is summary["latency_ms"]["p50"] is None


def _kind(body: dict[str, Any]) -> str:
    if body["payment"]["token"] == DECLINED:
        return "refused and faulty" if "faults" in body else "refused"
    if body.get("faults") == [NO_PARCEL.model_dump(mode="json")]:
        return "refused"
    return "faulty" if "faults" in body else "plain"


def _status(*rows: tuple[str, int, float]) -> StackStatus:
    processes = tuple(
        ProcessStatus(name, "service", ("core",), "ready", pid, (), None, None, 0, None, None, 0, cpu)
        for name, pid, cpu in rows
    )
    return StackStatus("up", "demo", processes, {"pid": 9, "memory_bytes": 0, "cpu_seconds": 0.0})
