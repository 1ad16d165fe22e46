"""Many orders at once, healthy and broken ones mixed."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

from tests.e2e.shop import DO, Shop, fault, outcomes

ORDERS = 200


def test_200_orders_at_once_with_refusals_and_lost_replies_all_end(shop: Shop) -> None:
    """10 % are refused, 10 % lose a reply (at each step in turn); every order ends as it must."""
    steps = cycle(DO)
    tokens = ["tok_declined" if number % 10 == 0 else "tok_visa" for number in range(ORDERS)]
    faults = [[fault(next(steps), "lose_reply")] if number % 10 == 1 else [] for number in range(ORDERS)]

    with ThreadPoolExecutor(ORDERS) as clients:
        order_ids = list(clients.map(lambda plan, token: shop.order(*plan, token=token), faults, tokens))
    orders = [shop.end_of(order_id) for order_id in order_ids]

    assert {"completed": 180, "compensated": 20} == Counter(order["status"] for order in orders)
    assert {"process_payment": 20} == Counter(
        name for order in orders for name, outcome in outcomes(order) if outcome == "refused"
    )
    retried = sum(any(step["attempts"] > 1 for step in order["steps"]) for order in orders)
    assert retried >= ORDERS // 10
