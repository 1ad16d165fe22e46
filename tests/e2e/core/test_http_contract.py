"""Every promise and every error of the HTTP contract, on the running shop."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.shop import Shop, an_order, eventually, fault


def changed(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a JSON body
    return {**an_order(), **changes}


BAD_BODIES = {
    "unknown field": (changed(coupon="X"), "coupon"),
    "no lines": (changed(lines=[]), "lines"),
    "zero quantity": (changed(lines=[{"sku": "DSK-CALENDAR", "quantity": 0}]), "quantity"),
    "negative quantity": (changed(lines=[{"sku": "DSK-CALENDAR", "quantity": -1}]), "quantity"),
    "quantity as text": (changed(lines=[{"sku": "DSK-CALENDAR", "quantity": "2"}]), "quantity"),
    "quantity as fraction": (changed(lines=[{"sku": "DSK-CALENDAR", "quantity": 1.5}]), "quantity"),
    "unknown SKU": (changed(lines=[{"sku": "NO-SUCH-SKU", "quantity": 1}]), "NO-SUCH-SKU"),
    "no customer": ({name: value for name, value in an_order().items() if name != "customer"}, "customer"),
    "bad email": (changed(customer={"email": "nobody", "user_id": "x"}), "email"),
    "a NUL in the address": (changed(shipping_address={**an_order()["shipping_address"], "city": "a\0b"}), "city"),
    "a NUL in the email": (changed(customer={"email": "a\0@b.de", "user_id": "x"}), "email"),
    "a list": ([], "body"),
    "unknown fault mode": (changed(faults=[fault("process_payment", "explode")]), "mode"),
    "unknown activity": (changed(faults=[fault("proces_payment", "fail")]), "proces_payment"),
}


@pytest.mark.parametrize("case", BAD_BODIES)
def test_a_bad_body_gets_a_sentence_and_writes_nothing(shop: Shop, case: str) -> None:
    """4xx, a problem document that names the field, and no order."""
    body, named = BAD_BODIES[case]
    orders_before = shop.conservation()["orders"]

    answer = shop.post_order(body)

    assert answer.status == 422
    assert "application/problem+json" in answer.headers["Content-Type"]
    assert named in answer.body["detail"]
    assert answer.body["status"] == 422
    assert orders_before == shop.conservation()["orders"]


def test_what_is_not_json_is_a_bad_request(shop: Shop) -> None:
    answer = shop.call("POST", "/orders", headers={"Idempotency-Key": "not-json"}, raw=b"{nope")

    assert answer.status == 400
    assert "JSON" in answer.body["detail"]


def test_an_order_needs_an_idempotency_key(shop: Shop) -> None:
    answer = shop.call("POST", "/orders", an_order())

    assert answer.status == 400
    assert "Idempotency-Key" in answer.body["detail"]


def test_a_body_over_64_kib_is_too_large(shop: Shop) -> None:
    body = json.dumps(an_order()).encode() + b" " * 64 * 1024

    answer = shop.call("POST", "/orders", headers={"Idempotency-Key": "large"}, raw=body)

    assert answer.status == 413
    assert answer.body["status"] == 413


def test_a_repeat_gets_the_first_answer_also_after_the_end(shop: Shop) -> None:
    """Same key and body: the same order, before and after completion; another body: 409."""
    first = shop.post_order(an_order(), "a-repeat")
    again = shop.post_order(an_order(), "a-repeat")
    shop.placed.append(first.body["order_id"])
    shop.end_of(first.body["order_id"])
    late = shop.post_order(an_order(), "a-repeat")
    other = shop.post_order(an_order(quantity=2), "a-repeat")

    assert (202, 202, 202) == (first.status, again.status, late.status)
    assert first.body == again.body == late.body
    assert first.body["status"] == "accepted"
    assert [answer.headers.get("Idempotent-Replayed") for answer in (first, again, late)] == [None, "true", "true"]
    assert first.headers["Location"] == late.headers["Location"] == f"/orders/{first.body['order_id']}"
    assert other.status == 409


def test_unknown_orders_and_addresses(shop: Shop) -> None:
    for method, path in [
        ("GET", "/orders/ord-none"),
        ("POST", "/orders/ord-none/cancel"),
        ("GET", "/orders/ord-none/events"),
        ("GET", "/orders/%00"),
        ("GET", "/nothing-here"),
    ]:
        answer = shop.call(method, path)
        assert answer.status == 404, path
        assert "application/problem+json" in answer.headers["Content-Type"]
    assert shop.call("DELETE", "/orders").status == 405


def test_listing_pages_through_all_orders_newest_first(shop: Shop) -> None:
    placed = [shop.order() for _ in range(3)]

    seen: list[str] = []
    cursor = ""
    while True:
        answer = shop.call("GET", f"/orders?limit=2{cursor}")
        assert answer.status == 200
        seen += [order["order_id"] for order in answer.body["items"]]
        if answer.body["next_cursor"] is None:
            break
        cursor = f"&cursor={answer.body['next_cursor']}"

    assert placed[::-1] == [order_id for order_id in seen if order_id in placed]
    assert len(seen) == len(set(seen)) == shop.conservation()["orders"]
    shop.all_end()
    completed = shop.call("GET", "/orders?status=completed").body["items"]
    assert {"completed"} == {order["status"] for order in completed}


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=1000", "cursor=nonsense", "status=happy"])
def test_a_bad_query_gets_a_sentence(shop: Shop, query: str) -> None:
    answer = shop.call("GET", f"/orders?{query}")

    assert answer.status == 422
    assert query.split("=", maxsplit=1)[0] in answer.body["detail"]


def test_products_are_paged_and_show_what_is_available(shop: Shop) -> None:
    first = shop.call("GET", "/products?limit=5").body
    second = shop.call("GET", f"/products?limit=5&cursor={first['next_cursor']}").body

    skus = [item["sku"] for item in first["items"] + second["items"]]
    assert 10 == len(set(skus))
    assert {"sku", "name", "price_cents", "currency", "available"} == set(first["items"][0])
    assert shop.call("GET", "/products?limit=0").status == 422


def test_cancel_before_the_pivot_undoes_and_after_it_is_refused(shop: Shop) -> None:
    """202 means that it will be undone; 409 says what to do instead; a repeat gets the same answer."""
    waiting = shop.order(fault("process_payment", "delay", seconds=3))
    done = shop.order()
    shop.end_of(done)
    shop.reaches(waiting, "process_payment")

    accepted = [shop.call("POST", f"/orders/{waiting}/cancel") for _ in range(2)]
    refused = shop.call("POST", f"/orders/{done}/cancel")

    assert [202, 202] == [answer.status for answer in accepted]
    order = shop.end_of(waiting)
    assert order["status"] == "cancelled"
    assert {"undo"} == {step["kind"] for step in order["steps"][2:]}
    assert shop.call("POST", f"/orders/{waiting}/cancel").status == 202
    assert refused.status == 409
    assert "refund" in refused.body["detail"]


def test_events_follow_an_order_to_its_end(shop: Shop) -> None:
    """Server-Sent Events show the order from now to its end, with growing ids."""
    order_id = shop.order(fault("process_payment", "delay", seconds=1))
    connection = http.client.HTTPConnection(urlsplit(shop.url).netloc, timeout=60)
    try:
        connection.request("GET", f"/orders/{order_id}/events")
        response = connection.getresponse()
        assert response.headers["Content-Type"].startswith("text/event-stream")
        lines = response.read().decode().splitlines()
    finally:
        connection.close()

    ids = [int(line.removeprefix("id: ")) for line in lines if line.startswith("id: ")]
    orders = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith('data: {"order_id"')]
    assert ids == sorted(set(ids))
    assert len(orders) > 1
    assert orders[-1]["status"] == "completed"
    assert "event: end" in lines


def test_every_surface_says_what_it_is(shop: Shop) -> None:
    openapi = shop.call("GET", "/openapi.json").body
    assert {"/orders", "/orders/{order_id}", "/products", "/audit/conservation"} <= set(openapi["paths"])
    assert shop.call("GET", "/healthz").status == 200
    assert shop.call("GET", "/readyz").status == 200
    metrics = shop.call("GET", "/metrics")
    assert "shop_activity_executions_total" in metrics.body


def test_orders_are_taken_while_inventory_is_away_and_unknown_skus_wait(shop: Shop) -> None:
    """Known products are ordered from the mirror; what can't be checked gets 503 and Retry-After."""
    eventually(lambda: shop.call("GET", "/readyz").status == 200 or None, "ready")
    shop.stack.hold("inventory-service")
    try:
        order_id = shop.order()
        unknown = shop.post_order(an_order(sku="NOT-KNOWN-YET"))
        products = shop.call("GET", "/products")
    finally:
        shop.stack.start("inventory-service")
        shop.stack.wait_ready("inventory-service")

    assert (503, 503) == (unknown.status, products.status)
    assert "Retry-After" in unknown.headers
    assert shop.end_of(order_id)["status"] == "completed"
