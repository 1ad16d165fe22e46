"""`shop build`; `supervise`, `topology` for a dev loop such as Tilt; `dapr-run-file`, `dapr-env` for the Dapr CLI."""

import contextlib
import json
import shlex
import time
from typing import Final

import typer

from cli.output import JsonOption, say
from cli.stack.stack import OnlyOption
from devstack.errors import AlreadyRunningError
from devstack.programs.build import ensure_broker, ensure_programs, ensure_runtime
from devstack.settings import StackSettings, load_settings
from devstack.supervisor.client import StackClient

POLL_SECONDS: Final = 0.2
# A stack whose dev loop was killed notices it within half a second.
NOTICES_WITHIN_SECONDS: Final = 3.0
STOPS_WITHIN_SECONDS: Final = 90.0


def build() -> None:
    """Build the Dapr runtime and the broker, unless they are here."""
    settings = load_settings()
    runtime = ensure_runtime(settings, say)
    say(f"Dapr {runtime.version} in {runtime.folder} ({runtime.source})")
    if settings.nats_url is None:
        say(f"the broker: {ensure_broker(settings, say)}")


def supervise(*, only: OnlyOption = None) -> None:
    """Run what a dev loop asks for, process by process (`devstack.tilt.attach NAME`); ends with its parent."""
    settings = load_settings()
    _wait_for_predecessor(settings)
    runtime = ensure_programs(settings, only or (), say)
    # Their libraries take a third of a second to import, for which the other commands needn't wait.
    import asyncio  # noqa: PLC0415

    from devstack.supervisor.stack import run_on_demand, topology_of  # noqa: PLC0415

    asyncio.run(run_on_demand(topology_of(settings, runtime, only or ()), settings, _report_if_read))


def topology(*, only: OnlyOption = None, as_json: JsonOption = False) -> None:
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
    stack, began = StackClient(settings.home), time.monotonic()
    said = False
    while (state := stack.state_if_running()) is not None:
        waited = time.monotonic() - began
        if waited > (STOPS_WITHIN_SECONDS if state.phase == "stopping" else NOTICES_WITHIN_SECONDS):
            raise AlreadyRunningError(
                f"the stack already runs ({state.mode} mode, {state.phase}); `shop down` stops it"
            )
        if not said:
            say("a stack of this folder still runs; waiting for its end")
            said = True
        time.sleep(POLL_SECONDS)


def dapr_run_file() -> None:
    """Print the multi-app run file that belongs to the settings."""
    from devstack.dapr_cli.run_file import run_file  # noqa: PLC0415 - see `shop up`
    from devstack.supervisor.stack import planned_topology  # noqa: PLC0415

    typer.echo(run_file(planned_topology(load_settings())), nl=False)


def dapr_env() -> None:
    """Print what `dapr run` needs in its environment, for `eval`; it holds passwords."""
    from devstack.dapr_cli.run_file import cli_folder, sidecar_environment  # noqa: PLC0415 - see `shop up`
    from devstack.supervisor.stack import planned_topology  # noqa: PLC0415

    settings = load_settings()
    runtime = ensure_runtime(settings, lambda line: typer.echo(line, err=True))
    variables = {
        **sidecar_environment(planned_topology(settings)),
        "DAPR_RUNTIME_PATH": str(cli_folder(settings.home, runtime)),
        **{name: value for name, value in settings.environment().items() if name.startswith("SHOP_")},
    }
    for name, value in variables.items():
        say(f"export {name}={shlex.quote(value)}")
