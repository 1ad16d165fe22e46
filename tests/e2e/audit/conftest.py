"""One real stack with the audit-service, and an app beside it that calls it."""

from collections.abc import Iterator

import pytest

from devstack.settings import StackSettings
from devstack.topology.addresses import app_ports
from shared.shop.registry import EVENT_RELAY
from tests.e2e.audit.caller import Caller, calling
from tests.failure_injection.own_stack import own_stack


@pytest.fixture(scope="package")
def caller_and_settings() -> Iterator[tuple[Caller, StackSettings]]:
    """The relay has a sidecar and no workflows: the tests lend it theirs."""
    with own_stack("tasks", "events", "core") as (shop, evidence):
        grpc = app_ports(evidence.settings, EVENT_RELAY).dapr_grpc
        with calling(shop.stack, grpc) as caller:
            yield caller, evidence.settings


@pytest.fixture
def settings(caller_and_settings: tuple[Caller, StackSettings]) -> StackSettings:
    return caller_and_settings[1]


@pytest.fixture
def caller(caller_and_settings: tuple[Caller, StackSettings]) -> Iterator[Caller]:
    """The caller; before and after the test all is up, and in the end the chain holds."""
    caller = caller_and_settings[0]
    caller.stack.wait_ready(timeout_seconds=120)
    yield caller
    caller.stack.wait_ready(timeout_seconds=120)
    assert caller.get("/verify")["broken"] is None
