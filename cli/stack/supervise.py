"""`shop supervise`, `shop topology`: what a dev loop such as Tilt is made of."""

import contextlib
import json
import time
from typing import Final

import typer

from cli.output import JsonOption, say
from cli.stack.stack import OnlyOption
from devstack.errors import AlreadyRunningError, NotRunningError
from devstack.programs.build import ensure_programs
from devstack.settings import StackSettings, load_settings
from devstack.supervisor.client import StackClient
from devstack.supervisor.state import StackState

POLL_SECONDS: Final = 0.2
# A stack whose dev loop was killed notices it within half a second.
NOTICES_WITHIN_SECONDS: Final = 3.0
STOPS_WITHIN_SECONDS: Final = 90.0


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(supervise)
    app.command()(topology)


def supervise(*, only: OnlyOption = None) -> None:
    """Run what a dev loop asks for, process by process (`devstack.tilt.attend NAME`); ends with its parent."""
    settings = load_settings()
    _wait_for_predecessor(settings)
    runtime = ensure_programs(settings, only or (), say)
    # Their libraries take a third of a second to import, for which the other commands needn't wait.
    import asyncio  # noqa: PLC0415

    from devstack.supervisor.stack import run_on_demand, topology_of  # noqa: PLC0415

    asyncio.run(run_on_demand(topology_of(settings, runtime, only or ()), settings, _report_if_read))


def topology(
    *,
    only: OnlyOption = None,
    as_json: JsonOption = False,
) -> None:
    """The processes of the stack, in the order in which they start; neither runs nor needs any of them."""
    from devstack.supervisor.stack import planned_topology  # noqa: PLC0415
    from devstack.topology.outline import outline  # noqa: PLC0415

    settings = load_settings()
    described = outline(planned_topology(settings, only or ()), settings)
    if as_json:
        say(json.dumps(described, indent=2))
        return
    for row in described["processes"]:
        after = f"after {', '.join(row['starts_after'])}" if row["starts_after"] else ""
        port = str(row["ports"][0]) if row["ports"] else "-"
        say(f"{row['name']:32} {row['label']:15} {port:>6}  {after}".rstrip())


def _report_if_read(line: str) -> None:
    """Progress goes to the dev loop. If the dev loop was killed, the stack is stopped all the same."""
    with contextlib.suppress(OSError):
        say(line)


def _wait_for_predecessor(settings: StackSettings) -> None:
    """Wait for a stack that is stopping; report one that isn't."""
    began = time.monotonic()
    said = False
    while (state := _state(settings)) is not None:
        waited = time.monotonic() - began
        if waited > (STOPS_WITHIN_SECONDS if state.phase == "stopping" else NOTICES_WITHIN_SECONDS):
            raise AlreadyRunningError(
                f"the stack already runs ({state.mode} mode, {state.phase}); `shop down` stops it"
            )
        if not said:
            say("a stack of this folder still runs; waiting for its end")
            said = True
        time.sleep(POLL_SECONDS)


def _state(settings: StackSettings) -> StackState | None:
    try:
        return StackClient(settings.home).state()
    except NotRunningError:
        return None
