"""Stacks of their own, on which orders are checked for fraud."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from devstack.supervisor.client import StackClient
from tests.e2e.approval.approver import Approver
from tests.e2e.conftest import audited_shop, running_stack
from tests.e2e.shop import Shop


@contextmanager
def checking_stack(**variables: str) -> Iterator[dict[str, str]]:
    """The environment of a running stack that has the fraud check switched on."""
    with running_stack("core", "tasks", SHOP_FRAUD_CHECK="on", **variables) as environment:
        yield environment


@pytest.fixture
def stack(checking: dict[str, str]) -> StackClient:
    """The module's own stack, which its fixture `checking` starts."""
    return StackClient(Path(checking["SHOP_HOME"]))


@pytest.fixture
def shop(stack: StackClient, checking: dict[str, str]) -> Iterator[Shop]:
    """The shop; after the test every order has ended and conservation holds."""
    with audited_shop(stack, checking) as shop:
        yield shop


@pytest.fixture
def approver(shop: Shop) -> Approver:
    return Approver(shop)
