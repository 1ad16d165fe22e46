"""What a stack for a test or a benchmark has from its caller."""

import pytest

from devstack.supervisor.own_stack import own_environment, own_settings

pytestmark = pytest.mark.unit

SERVERS = {
    "DATABASE_URL": "postgresql://me@db.example/shop",
    "NATS_URL": "nats://broker.example:4222",
    "SMTP_URL": "smtp://mail.example:25",
    "PUSH_WEBHOOK_URL": "https://push.example",
    "PUSH_WEBHOOK_SECRET": "whsec_c2VjcmV0",
}


@pytest.fixture(autouse=True)
def caller(monkeypatch: pytest.MonkeyPatch) -> None:
    """Someone who has set everything, as for a shop of their own."""
    for name, value in SERVERS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("SHOP_ORDER_DEADLINE_SECONDS", "77")


def test_no_server_of_the_caller_is_in_the_environment() -> None:
    """No test writes into the caller's database or sends mail through the caller's server."""
    environment = own_environment({"SHOP_MODE": "test"})

    assert not SERVERS.keys() & environment.keys()
    assert ("77", "test") == (environment["SHOP_ORDER_DEADLINE_SECONDS"], environment["SHOP_MODE"])


def test_no_server_of_the_caller_is_in_the_settings() -> None:
    """Nor in what the settings make of them."""
    settings = own_settings(api_port=9090)

    assert not SERVERS.keys() & settings.environment().keys()
    assert settings.api_port == 9090


def test_a_server_that_was_asked_for_is_kept() -> None:
    """A test of one's own server names it."""
    chosen = {"DATABASE_URL": "postgresql://me@other.example/test"}

    assert own_environment(chosen)["DATABASE_URL"] == chosen["DATABASE_URL"]
