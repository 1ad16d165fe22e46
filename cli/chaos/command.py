"""`shop chaos`: on a stack in a folder and on ports of its own, so that nobody's running stack is touched."""

import asyncio
import json
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Annotated, Any, Final, NoReturn

import typer

from cli.chaos.schedule import schedule
from cli.output import say
from devstack.errors import StartFailedError
from devstack.network import missing_for_namespaces
from devstack.settings import PROJECT_ROOT, NetworkKind, StackSettings, load_settings
from devstack.supervisor.client import StackClient
from devstack.supervisor.own_stack import fresh_settings, own_environment
from shared.service.settings import ShopMode

SEEDS: Final = 1_000_000

START_WITHIN_SECONDS = 180.0


def chaos(
    *,
    seed: Annotated[int | None, typer.Option(min=0, help="The same schedule again.")] = None,
    minutes: Annotated[float, typer.Option(min=0.5, max=24 * 60, help="How long faults are injected.")] = 2.0,
    rate: Annotated[float, typer.Option(min=0.1, max=50, help="Orders per second.")] = 2.0,
    report: Annotated[Path | None, typer.Option(dir_okay=False, help="Write the report there (.json or .md).")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object, for programs.")] = False,
) -> None:
    """Break everything on a stack of its own, under load, and check that nothing is lost or doubled."""
    notify = _to_stderr if as_json else say
    signal.signal(signal.SIGTERM, _end)
    chosen = secrets.randbelow(SEEDS) if seed is None else seed
    home = load_settings().home / "chaos" / f"seed-{chosen}-{time.strftime('%Y%m%d-%H%M%S')}"
    notify(f"seed {chosen}, {minutes:g} minutes; the stack of this run is in {home}")
    outcome, lines = _play(home, chosen, minutes, rate, notify)
    if report is not None:
        _write(report, outcome, lines)
    say(json.dumps(outcome, indent=2) if as_json else "\n".join(("", *lines)))
    if not outcome["holds"]:
        notify(f"\nlogs and state are kept in {home}; again: shop chaos --seed {chosen} --minutes {minutes:g}")
        raise typer.Exit(1)


def _play(
    home: Path, seed: int, minutes: float, rate: float, notify: Callable[[str], None]
) -> tuple[dict[str, Any], list[str]]:
    """The report for programs, and its lines for people."""
    # Their libraries take a third of a second to import, for which the other commands needn't wait.
    from cli.chaos.report import report_lines, report_of  # noqa: PLC0415
    from cli.chaos.run import run_chaos  # noqa: PLC0415

    home.mkdir(parents=True)
    network = network_for(home, notify)
    settings = fresh_settings(home, notify, mode=ShopMode.TEST, network=network)
    faults = schedule(seed, minutes * 60, partitions=network is not NetworkKind.LOOPBACK)
    notify(f"{len(faults)} faults on the schedule")
    with own_stack(settings) as stack:
        run = run_chaos(
            stack,
            settings,
            faults=faults,
            duration_seconds=minutes * 60,
            seed=seed,
            orders_per_second=rate,
            notify=notify,
        )
        outcome = report_of(asyncio.run(run), seed=seed, minutes=minutes)
    if outcome["holds"]:
        shutil.rmtree(home, ignore_errors=True)
    return outcome, report_lines(outcome)


def _write(file: Path, outcome: dict[str, Any], lines: list[str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(outcome, indent=2) if file.suffix == ".json" else "\n".join(lines) + "\n")


def _to_stderr(line: str) -> None:
    typer.echo(line, err=True)


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


def network_for(home: Path, notify: Callable[[str], None]) -> NetworkKind:
    """Hosts that can be cut off, where this machine allows them."""
    missing = missing_for_namespaces(home)
    if missing is None:
        return NetworkKind.NAMESPACES
    notify(f"no partitions in this run: {missing}")
    return NetworkKind.LOOPBACK


@contextmanager
def own_stack(settings: StackSettings) -> Iterator[StackClient]:
    """The stack, up and ready; stopped at the end, its folder kept.

    Raises:
        StartFailedError: with what it said.
    """
    stack = StackClient(settings.home)
    try:
        started = subprocess.run(
            [sys.executable, "-m", "cli", "up", "--detach", "--only", "core"],
            cwd=PROJECT_ROOT,
            env=own_environment(settings.environment()),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=START_WITHIN_SECONDS,
        )
        if started.returncode != 0:
            raise StartFailedError(f"the stack for this run did not start:\n{started.stdout}")
        yield stack
    finally:
        if stack.is_running():
            stack.shutdown()
