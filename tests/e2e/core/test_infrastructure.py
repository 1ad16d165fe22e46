"""What the services stand on is killed in the middle of sagas: the database, the scheduler, placement, the sidecars."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.shop import DO, NO_PARCEL, Shop, fault, outcomes

ORDERS = 12


def orders_under_way(shop: Shop) -> list[str]:
    """Orders at every step, one in three of which will be refused at its last one."""
    plans = [
        (fault(DO[number % len(DO)], "delay", seconds=2), *([NO_PARCEL] if number % 3 == 2 else []))
        for number in range(ORDERS)
    ]
    with ThreadPoolExecutor(ORDERS) as clients:
        order_ids = list(clients.map(lambda plan: shop.order(*plan), plans))
    for order_id, step in zip(order_ids, DO, strict=False):
        shop.reaches(order_id, step)
    return order_ids


def all_came_out_as_expected(shop: Shop, order_ids: list[str]) -> None:
    """Two in three completed, one in three undone after the refusal, and nothing else happened to any."""
    for number, order_id in enumerate(order_ids):
        order = shop.end_of(order_id, seconds=120)
        if number % 3 == 2:
            assert order["status"] == "compensated", order
            assert ("book_shipment", "refused") in outcomes(order)
        else:
            assert order["status"] == "completed", order


@pytest.mark.parametrize("signal_name", ["SIGKILL", "SIGQUIT"])
def test_the_database_dies_and_comes_back(shop: Shop, signal_name: str) -> None:
    """Killed, or shut down at once (which is what SIGQUIT means to Postgres): what was committed is there again.

    And once it is back, no caller sees an error because a connection from before is dead.
    """
    assert shop.conservation()["holds"]
    order_ids = orders_under_way(shop)

    shop.stack.signal("postgres", signal_name)
    shop.stack.wait_ready()

    all_came_out_as_expected(shop, order_ids)
    assert shop.conservation()["holds"]


def test_the_scheduler_is_restarted(shop: Shop) -> None:
    """In good order it is back within seconds: its timers and dispatches are in its own etcd."""
    order_ids = orders_under_way(shop)

    shop.stack.restart("scheduler")

    all_came_out_as_expected(shop, order_ids)


@pytest.mark.timeout(400)
def test_the_scheduler_is_killed(shop: Shop) -> None:
    """It waits half a minute for its predecessor's lease; steps that time out meanwhile are undone, none is lost."""
    order_ids = orders_under_way(shop)

    shop.stack.kill("scheduler")

    for order_id in order_ids:
        assert shop.end_of(order_id, seconds=180)["status"] in {"completed", "compensated"}


def test_placement_is_killed(shop: Shop) -> None:
    """Until it is back nobody knows where a workflow lives; then all go on."""
    order_ids = orders_under_way(shop)

    shop.stack.kill("placement")
    shop.stack.wait_ready()

    all_came_out_as_expected(shop, order_ids)


@pytest.mark.parametrize("app_id", ["inventory-service", "payment-service", "shipping-service"])
def test_a_participants_sidecar_is_killed(shop: Shop, app_id: str) -> None:
    """The activity ends and its result is lost: it runs again and gets its first answer."""
    order_ids = orders_under_way(shop)

    shop.stack.kill(f"{app_id}-daprd")
    shop.stack.wait_ready()

    all_came_out_as_expected(shop, order_ids)
