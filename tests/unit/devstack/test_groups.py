"""The groups of processes: who belongs where, and what each takes."""

from dataclasses import fields
from pathlib import Path

import pytest

from devstack.addresses import APPS, CORE_APPS, EVENT_RELAY
from devstack.client import ProcessStatus, StackStatus
from devstack.groups import CORE, EVENTS, GROUPS, TASKS, groups_of
from devstack.passwords import Passwords
from devstack.settings import load_settings
from devstack.topology import build_topology

pytestmark = pytest.mark.unit


def test_every_app_belongs_to_one_group() -> None:
    """The saga needs no app of another group, so that it runs alone."""
    assert {app_id for app_id in APPS if groups_of(app_id) == {CORE}} == set(CORE_APPS)
    assert {EVENTS} == groups_of(EVENT_RELAY)
    assert all(len(groups_of(app_id)) == 1 for app_id in APPS)


def test_a_part_of_the_stack_waits_for_nothing_that_it_lacks(tmp_path: Path) -> None:
    """Neither when it starts nor when it stops: what isn't there would never be ready, and never have stopped."""
    passwords = Passwords(*(field.name for field in fields(Passwords)))
    part = build_topology(load_settings(home=tmp_path), passwords, Path("/dapr")).only([CORE])

    assert part.processes
    for process in part.processes:
        assert set(process.starts_after) <= set(part.names)
        assert set(part.stopped_before(process.name)) <= set(part.names)


def test_a_groups_memory_is_that_of_what_it_would_start_alone() -> None:
    """What every group needs counts in each of them, and so does the supervisor."""
    status = _status(("postgres", GROUPS, 100), ("order-service", (CORE,), 10), ("audit-service", (TASKS,), 1))

    assert 1111 == status.memory_bytes
    assert 1110 == status.memory_bytes_of(CORE)
    assert 1101 == status.memory_bytes_of(TASKS)


def _status(*rows: tuple[str, tuple[str, ...], int]) -> StackStatus:
    processes = tuple(
        ProcessStatus(name, "service", groups, "ready", 1, (), None, None, 0, None, None, memory, 0.0)
        for name, groups, memory in rows
    )
    return StackStatus("up", "test", processes, {"pid": 9, "memory_bytes": 1000, "cpu_seconds": 0.0})
