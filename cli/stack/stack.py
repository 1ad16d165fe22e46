"""`shop up`, `shop down`, `shop addresses`."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from cli.output import JsonOption, say
from devstack.errors import AlreadyRunningError, StartFailedError
from devstack.programs.build import ensure_programs
from devstack.settings import PROJECT_ROOT, StackSettings, load_settings
from devstack.supervisor.client import StackClient
from devstack.supervisor.logs import open_log
from devstack.supervisor.state import StackState, end_leftovers, supervisor_lock
from devstack.topology.specs import check_groups
from shared.service.settings import ShopMode
from shared.shop.order import ORDER_SERVICE

POLL_SECONDS = 0.1

DemoOption = Annotated[bool, typer.Option("--demo", help="Allow fault plans in orders.")]
DetachOption = Annotated[bool, typer.Option("--detach", "-d", help="Return when everything is ready.")]
OnlyOption = Annotated[
    list[str] | None, typer.Option("--only", help="Start only this group: core, events or tasks; can be given again.")
]
WithoutAppsOption = Annotated[
    bool, typer.Option("--without-apps", help="Only what apps need; `dapr run -f .` starts them and their sidecars.")
]


def up(
    *,
    demo: DemoOption = False,
    detach: DetachOption = False,
    only: OnlyOption = None,
    without_apps: WithoutAppsOption = False,
) -> None:
    """Start the whole stack; stays in the foreground until Ctrl-C."""
    # The groups are checked before anything is built for them, which can take ten minutes.
    settings = load_settings(mode=ShopMode.DEMO) if demo else load_settings()
    check_groups(settings.registry, only or ())
    running = StackClient(settings.home).state_if_running()
    if running is not None:
        _already_runs(settings, running, wanted_ready=detach)
        return
    runtime = ensure_programs(settings, only or (), say)
    if detach:
        _start_in_background(settings, only or [], without_apps=without_apps)
    else:
        # Its HTTP library takes a third of a second to import, for which the other commands needn't wait.
        from devstack.supervisor.stack import run_stack, topology_of  # noqa: PLC0415

        topology = topology_of(settings, runtime, only or (), apps=() if without_apps else None)
        # Without apps there is no shop yet that would answer anywhere.
        report = say if without_apps else partial(_report, settings)
        asyncio.run(run_stack(topology, settings, report))


def down() -> None:
    """Stop the whole stack; the data is kept."""
    settings = load_settings()
    client = StackClient(settings.home)
    if client.is_running():
        client.shutdown()
        say("stopped; the data is kept")
        return
    # Whoever starts meanwhile must not lose what he started.
    with supervisor_lock(settings.run):
        ended = end_leftovers(settings.home)
    say(f"ended what a killed stack had left: {', '.join(ended)}" if ended else "the stack doesn't run")


def addresses(*, as_json: JsonOption = False) -> None:
    """Where each service and sidecar of the running stack answers."""
    urls = StackClient(load_settings().home).urls()
    if as_json:
        say(json.dumps(urls, indent=2))
        return
    for name, url in urls.items():
        say(f"{name:24} {url}")


def _report(settings: StackSettings, line: str) -> None:
    say(line)
    if line.startswith("the stack is ready"):
        _report_addresses(settings)


def _report_addresses(settings: StackSettings) -> None:
    where = StackClient(settings.home).urls().get(ORDER_SERVICE, settings.api_url)
    say(f"the shop answers at {where} ({settings.mode.value} mode); logs: {settings.logs}")


def _already_runs(settings: StackSettings, running: StackState, *, wanted_ready: bool) -> None:
    where = running.addresses.get(ORDER_SERVICE, running.control_url)
    sentence = f"the stack already runs ({running.mode} mode, {running.phase}) at {where}"
    if running.mode != settings.mode.value:
        raise AlreadyRunningError(f"{sentence}; `shop down` first to start it in {settings.mode.value} mode")
    if not wanted_ready:
        raise AlreadyRunningError(f"{sentence}; `shop status` shows it, `shop down` stops it")
    say(sentence)
    StackClient(settings.home).wait_ready()


def _start_in_background(settings: StackSettings, only: Sequence[str], *, without_apps: bool) -> None:
    """Start a supervisor of its own session and follow what it says until all is ready."""
    log = settings.logs / "supervisor.log"
    groups = [word for group in only for word in ("--only", group)]
    without = ["--without-apps"] if without_apps else []
    with open_log(log) as stream:
        offset = stream.tell()
        supervisor = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "cli", "up", *groups, *without],
            cwd=PROJECT_ROOT,
            env={**os.environ, **settings.environment()},
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=stream,
            start_new_session=True,
        )
    try:
        while supervisor.poll() is None:
            offset = _echo_new(log, offset)
            state = StackClient(settings.home).state_if_running()
            if state is not None and state.supervisor.pid == supervisor.pid and state.phase == "up":
                _echo_new(log, offset)
                return
            time.sleep(POLL_SECONDS)
    except BaseException:
        # Ctrl-C while starting: what was started is stopped before we go.
        supervisor.terminate()
        supervisor.wait()
        raise
    _echo_new(log, offset)
    raise StartFailedError(f"the stack did not start; see above, or {log}")


def _echo_new(log: Path, offset: int) -> int:
    with log.open("rb") as stream:
        stream.seek(offset)
        text = stream.read()
    if text:
        sys.stdout.write(text.decode(errors="replace"))
        sys.stdout.flush()
    return offset + len(text)
