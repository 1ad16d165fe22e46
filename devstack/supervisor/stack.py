"""Puts the pieces together: settings to runtime to topology to a supervisor that runs it."""

import asyncio
import os
from collections.abc import Sequence

from devstack.network import plan_network
from devstack.postgres.passwords import load_passwords
from devstack.programs.build import DaprRuntime, cache_folder, find_broker, pinned_version
from devstack.settings import StackSettings
from devstack.supervisor.control import control_api
from devstack.supervisor.supervisor import Report, Supervisor
from devstack.tilt.attachments import end_with_parent
from devstack.topology.specs import Topology, check_groups
from devstack.topology.topology import build_topology


def topology_of(
    settings: StackSettings, runtime: DaprRuntime, groups: Sequence[str] = (), apps: Sequence[str] | None = None
) -> Topology:
    """The topology of these settings, or the part of it that belongs to these groups."""
    passwords, network = load_passwords(settings), plan_network(settings)
    topology = build_topology(settings, passwords, runtime.folder, network, find_broker(settings), apps=apps)
    check_groups(settings.registry, groups)
    return topology.only(groups) if groups else topology


def planned_topology(settings: StackSettings, groups: Sequence[str] = ()) -> Topology:
    """As `topology_of`, before the runtime is here."""
    return topology_of(settings, DaprRuntime(cache_folder(settings), pinned_version(), "planned"), groups)


async def run_stack(topology: Topology, settings: StackSettings, report: Report) -> None:
    """Run the stack in this process until a signal or `shop down`; see `Supervisor.run`."""
    await Supervisor(topology, settings, report).run(control_api)


async def run_on_demand(topology: Topology, settings: StackSettings, report: Report) -> None:
    """Run what is asked for, process by process, until a signal, `shop down`, or the end of our parent process."""
    supervisor = Supervisor(topology, settings, report, starts_all=False)
    watch = asyncio.create_task(end_with_parent(supervisor, os.getppid()))
    try:
        await supervisor.run(control_api)
    finally:
        watch.cancel()
