"""Runs the real supervisor over three small processes, until a signal; `front` may have a host of its own.

usage: small_stack.py [--on-demand] [BEHAVIOUR of the service called `front`]
"""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from devstack.errors import StackError
from devstack.network import plan_network
from devstack.settings import StackSettings, load_settings
from devstack.supervisor.stack import run_on_demand, run_stack
from devstack.topology.addresses import PortClaim
from devstack.topology.specs import ONE_HOST, Finished, Host, HttpReady, ProcessSpec, Topology

STUB = Path(__file__).with_name("stub_web.py")


def small_topology(settings: StackSettings, behaviour: str = "") -> Topology:
    """`store` first, then the task `prepare`, then `front` and its `helper` at once; `helper` stops after `front`."""
    network = plan_network(settings, ("front",))
    front = replace(web(settings, "front", 2, behaviour, network.host_of("front")), starts_after=("prepare",))
    helper = replace(web(settings, "helper", 3), starts_after=("prepare",), stops_after=("front",))
    prepare = ProcessSpec("prepare", "task", (sys.executable, "-c", "pass"), Finished(), starts_after=("store",))
    return Topology(
        processes=(web(settings, "store", 1), prepare, front, helper),
        control_port=PortClaim(settings.base_port, "the supervisor"),
        network=network,
    )


def web(
    settings: StackSettings, name: str, offset: int, behaviour: str = "", host: Host = ONE_HOST.main
) -> ProcessSpec:
    port = settings.base_port + offset
    arguments = (host.listen, str(port), str(settings.home / "stopped.txt"), behaviour)
    return ProcessSpec(
        name=name,
        kind="service",
        host=host,
        command=(sys.executable, str(STUB), *arguments),
        env={"STUB_NAME": name},
        ready=HttpReady(f"{host.url(port)}/"),
        ports=(PortClaim(port, name),),
        ready_within_seconds=2.0 if behaviour == "never-ready" else 30.0,
        stop_within_seconds=1.0 if behaviour == "stubborn" else 10.0,
        url=host.url(port),
    )


def main() -> None:
    settings = load_settings()
    on_demand = "--on-demand" in sys.argv
    topology = small_topology(settings, *(word for word in sys.argv[1:] if word != "--on-demand"))
    run = run_on_demand if on_demand else run_stack
    try:
        asyncio.run(run(topology, settings, lambda line: print(line, flush=True)))  # noqa: T201
    except StackError as error:
        sys.exit(f"small stack: {error}")


if __name__ == "__main__":
    main()
