"""A poison order: something of it ends its process each time. It ends undone or waits for a person; all others go on.

`make poison` measures what the others notice of it.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest

from shared.participant.quarantine import DEATHS
from shared.shop.order import COMPLETE_ORDER, ORDER_SERVICE, ORDER_WORKFLOW
from tests.e2e.conftest import shop_command
from tests.e2e.repairs import PARTICIPANT, Repairer
from tests.e2e.shop import DO, UNDO, Shop, an_order, eventually, fault, outcomes, unless_away
from tests.failure_injection.evidence import Evidence
from tests.failure_injection.own_stack import own_stack

pytestmark = pytest.mark.timeout(600)

FOR_EVER: Final = 99
UNTIL_QUARANTINED: Final = 1 + DEATHS
"""How often the process dies: the first time nobody knows of what."""
HEALTHY: Final = 10
PATIENCE_SECONDS: Final = 120.0
NAME: Final = "Poison"
"""The recipient whose parcels kill the workflow (`poisoned/sitecustomize.py`)."""


@pytest.fixture(scope="module")
def poisoned() -> Iterator[tuple[Shop, Evidence]]:
    """A shop in which whatever was poisoned ends, or waits for a person, and nothing is lost."""
    variables = {
        "PYTHONPATH": str(Path(__file__).parent / "poisoned"),
        "SHOP_RECONCILE_AUDIT_SECONDS": "2",
        "SHOP_RECONCILE_SECONDS": "2",
        "SHOP_RECONCILE_GRACE_SECONDS": "5",
        "SHOP_RECONCILE_CONFIRM_SECONDS": "5",
    }
    with own_stack(**variables) as (shop, evidence):
        yield shop, evidence
        shop.stack.wait_ready()
        report = shop.conservation()
        assert report["holds"], report["violations"]


def poison_beside_healthy(shop: Shop, *poison: dict[str, Any], recipient: str = "Ada") -> str:
    """Place an order among healthy ones, all of which complete; its id."""
    with ThreadPoolExecutor(HEALTHY + 1) as clients:
        first = [clients.submit(_placed, shop) for _ in range(HEALTHY // 2)]
        poisonous = clients.submit(_placed, shop, *poison, recipient=recipient)
        healthy = [*first, *(clients.submit(_placed, shop) for _ in range(HEALTHY - len(first)))]
        ends = [reaches(shop, one.result(), "completed", "compensated") for one in healthy]
        assert [one["status"] for one in ends] == ["completed"] * HEALTHY, [one["error"] for one in ends]
        return poisonous.result()


def _placed(shop: Shop, *faults: dict[str, Any], recipient: str = "Ada") -> str:
    """Accepted, however often the order-service is dead meanwhile: under one key it is one order."""
    key, body = uuid4().hex, an_order(*faults)
    body["shipping_address"]["name"] = recipient
    answer = eventually(lambda: unless_away(lambda: shop.post_order(body, key)), "the order is accepted")
    assert answer.status == 202, answer
    order_id: str = answer.body["order_id"]
    return order_id


def reaches(shop: Shop, order_id: str, *statuses: str) -> dict[str, Any]:
    """The order once it has one of these statuses."""

    def order() -> dict[str, Any] | None:
        shown = unless_away(lambda: shop.show(order_id))
        return shown if shown is not None and shown["status"] in statuses else None

    return eventually(order, f"{order_id} is {' or '.join(statuses)}", PATIENCE_SECONDS)


def quarantined(shop: Shop, app_id: str, order_id: str) -> list[str]:
    """What of the order the app doesn't carry out any more."""
    app = Shop(shop.stack, shop.stack.urls()[app_id])
    answer = eventually(lambda: unless_away(lambda: app.call("GET", "/quarantine")), f"{app_id} answers")
    return [one["what"] for one in answer.body["items"] if one["saga_id"] == order_id]


def found(shop: Shop, order_id: str) -> str:
    """What the reconciler finds quarantined of the order."""

    def seen() -> str | None:
        report = shop.call("GET", "/audit/reconciliation").body
        of_order = [
            one["seen"] for one in report["findings"] if (one["kind"], one["subject"]) == ("quarantined", order_id)
        ]
        return of_order[0] if of_order else None

    return eventually(seen, f"the reconciler finds what is quarantined of {order_id}")


def release(evidence: Evidence, order_id: str, step: str) -> str:
    """As a person does it."""
    environment = {**os.environ, **evidence.settings.environment()}
    done = shop_command(environment, "repair", "release", order_id, step)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("do", "mode"), [*((do, "crash_before") for do in DO), ("process_payment", "crash_after")], ids=str
)
def test_a_poison_step_fails_for_good_and_is_undone(poisoned: tuple[Shop, Evidence], do: str, mode: str) -> None:
    """It is no refusal: what it committed before it died is undone."""
    shop, evidence = poisoned

    order_id = poison_beside_healthy(shop, fault(do, mode, times=FOR_EVER))

    order = reaches(shop, order_id, "compensated")
    assert (do, "failed") in outcomes(order)
    assert (UNDO[do], "done") in outcomes(order)
    assert f"shop repair release {order_id} {do}" in next(one["error"] for one in order["steps"] if one["name"] == do)
    assert evidence.effects(order_id, do) == (1 if mode == "crash_after" else 0)
    assert sum(evidence.hits(order_id).values()) == UNTIL_QUARANTINED
    assert quarantined(shop, PARTICIPANT[do], order_id) == [do]
    assert f"{do} at {PARTICIPANT[do]}" in found(shop, order_id)


def test_a_poison_undo_parks_its_order_until_a_person_settles_it(poisoned: tuple[Shop, Evidence]) -> None:
    """What a person decides instead of the undo isn't kept from the app."""
    shop, _ = poisoned
    refuse = fault("book_shipment", "refuse")
    die = fault("refund_payment", "crash_before", times=UNTIL_QUARANTINED)

    order_id = poison_beside_healthy(shop, refuse, die)

    order = reaches(shop, order_id, "needs_attention")
    assert ("release_stock", "done") in outcomes(order)
    repairer = Repairer(shop)
    retried = repairer.applied(order_id, repairer.decide(order_id, "process_payment", "retry"))
    assert ("still_stuck", True) == (retried["outcome"], "shop repair release" in retried["detail"])
    settled = repairer.applied(order_id, repairer.decide(order_id, "process_payment", "settle"))
    assert settled["outcome"] == "settled"
    assert reaches(shop, order_id, "compensated")


def test_a_released_undo_is_tried_again(poisoned: tuple[Shop, Evidence]) -> None:
    shop, evidence = poisoned
    refuse = fault("book_shipment", "refuse")
    die = fault("refund_payment", "crash_before", times=UNTIL_QUARANTINED)
    order_id = poison_beside_healthy(shop, refuse, die)
    reaches(shop, order_id, "needs_attention")
    assert quarantined(shop, PARTICIPANT["process_payment"], order_id) == ["refund_payment"]

    said = release(evidence, order_id, "process_payment")

    assert f"shop repair retry {order_id} process_payment" in said
    assert quarantined(shop, PARTICIPANT["process_payment"], order_id) == []
    repairer = Repairer(shop)
    repair = repairer.applied(order_id, repairer.decide(order_id, "process_payment", "retry"))
    assert repair["outcome"] == "undone"
    assert ("refund_payment", "done") in outcomes(reaches(shop, order_id, "compensated"))


def test_a_poison_record_of_the_saga_waits_for_its_release(poisoned: tuple[Shop, Evidence]) -> None:
    """The saga can't go on without it, and nothing is undone that was done well."""
    shop, evidence = poisoned
    record = COMPLETE_ORDER.activity
    order_id = poison_beside_healthy(shop, fault(record, "crash_before", times=UNTIL_QUARANTINED))
    eventually(lambda: quarantined(shop, ORDER_SERVICE, order_id) == [record], "it is quarantined", PATIENCE_SECONDS)
    assert f"{record} at {ORDER_SERVICE}" in found(shop, order_id)

    release(evidence, order_id, record)

    assert reaches(shop, order_id, "completed", "compensated")["status"] == "completed"


def test_an_order_whose_workflow_is_poison_is_undone(poisoned: tuple[Shop, Evidence]) -> None:
    """Its own code kills the order-service at every turn, so that its workflow fails and is recovered."""
    shop, _ = poisoned

    order_id = poison_beside_healthy(shop, recipient=NAME)

    order = reaches(shop, order_id, "compensated")
    assert "QuarantinedError" not in (order["error"] or "")
    assert quarantined(shop, ORDER_SERVICE, order_id) == [ORDER_WORKFLOW]
