"""The payment-service as `__main__` composes it."""

import pytest

from payment_service.__main__ import compose
from payment_service.settings import PaymentSettings
from shared.service.settings import load
from shared.shop.payment import PAYMENT

pytestmark = pytest.mark.unit


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name, value in {
        "SERVICE_HTTP_PORT": "1",
        "SERVICE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1/nothing",
        "DAPR_GRPC_PORT": "2",
        "DAPR_HTTP_PORT": "3",
        "PAYMENT_GATEWAY_URL": "http://127.0.0.1:4",
    }.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("environment")
def test_it_serves_exactly_its_contracts() -> None:
    """No contract is forgotten and none is another app's."""
    service = compose(load(PaymentSettings))

    assert {contract.activity for contract in PAYMENT.contracts} == service.activities.names


@pytest.mark.parametrize("url", ["", "localhost:80", "ftp://gateway", "http://"])
def test_the_gateways_url_is_checked_at_start(environment: pytest.MonkeyPatch, url: str) -> None:
    """A service that can't reach any gateway says so at once."""
    environment.setenv("PAYMENT_GATEWAY_URL", url)
    with pytest.raises(SystemExit, match="PAYMENT_GATEWAY_URL"):
        load(PaymentSettings)
