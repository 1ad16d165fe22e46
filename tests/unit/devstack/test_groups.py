"""The groups of processes: who belongs where, and what each takes."""

from pathlib import Path

import pytest

from devstack.errors import UnknownProcessError
from devstack.postgres.passwords import password_names
from devstack.settings import load_settings
from devstack.supervisor.client import ProcessStatus, StackStatus
from devstack.topology.specs import check_groups
from devstack.topology.topology import build_topology
from shared.shop.groups import CORE, EVENTS, TASKS
from shared.shop.order import ORDER_SERVICE, ORDER_STEPS
from shared.shop.registry import CORE_APPS, SHOP

pytestmark = pytest.mark.unit


def test_the_saga_needs_no_app_of_another_group() -> None:
    """So it runs alone."""
    saga = {ORDER_SERVICE, *(step.app_id for step in ORDER_STEPS)}

    assert saga == set(CORE_APPS)
    assert (CORE, TASKS, EVENTS) == SHOP.groups


def test_an_unknown_group_is_named() -> None:
    """With the nearest that there is."""
    with pytest.raises(UnknownProcessError, match="core"):
        check_groups(SHOP, ["cor"])


def test_a_part_of_the_stack_waits_for_nothing_that_it_lacks(tmp_path: Path) -> None:
    """Neither when it starts nor when it stops: what isn't there would never be ready, and never have stopped."""
    passwords = {name: name for name in password_names(SHOP)}
    part = build_topology(load_settings(home=tmp_path), passwords, Path("/dapr")).only([CORE])

    assert part.processes
    for process in part.processes:
        assert set(process.starts_after) <= set(part.names)
        assert set(part.stopped_before(process.name)) <= set(part.names)


def test_a_groups_memory_is_that_of_what_it_would_start_alone() -> None:
    """What every group needs counts in each of them, and so does the supervisor."""
    status = _status(("postgres", SHOP.groups, 100), ("order-service", (CORE,), 10), ("audit-service", (TASKS,), 1))

    assert 1111 == status.memory_bytes
    assert 1110 == status.memory_bytes_of(CORE)
    assert 1101 == status.memory_bytes_of(TASKS)


def _status(*rows: tuple[str, tuple[str, ...], int]) -> StackStatus:
    processes = tuple(
        ProcessStatus(name, "service", groups, "ready", 1, (), None, None, 0, None, None, memory, 0.0)
        for name, groups, memory in rows
    )
    return StackStatus("up", "test", processes, {"pid": 9, "memory_bytes": 1000, "cpu_seconds": 0.0})
