"""A probe reaches the host of an activity, and nothing behind it."""

import pytest

from shared.participant.activities import ActivityHost, Call
from shared.participant.call_probe import PROBE, is_probe
from shared.shop.payment import PROCESS_PAYMENT, PaymentProcessed, ProcessPayment
from tests.registered import Registered

pytestmark = pytest.mark.unit


async def test_a_probe_is_answered_before_the_handler() -> None:
    """Whoever asks whether a payment could be made takes no money."""

    async def handler(call: Call[ProcessPayment]) -> PaymentProcessed:
        pytest.fail(f"the handler was called: {call}")

    host = ActivityHost(PROCESS_PAYMENT.app_id)
    host.serve(PROCESS_PAYMENT, handler)
    registered = Registered()
    host.register(registered)

    ctx: object = None
    answer = await registered.activities[PROCESS_PAYMENT.activity](ctx, PROBE)  # type: ignore[arg-type] # not looked at

    assert PROBE == answer


@pytest.mark.parametrize("envelope", [None, [], "probe", {"probe": 1}, {"saga_id": "s", "step": "x"}])
def test_calls_are_no_probes(envelope: object) -> None:
    assert not is_probe(envelope)
