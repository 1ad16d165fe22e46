"""`shop status`."""

import json
from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Table

from cli.output import JsonOption, duration, megabytes, say
from devstack.settings import load_settings
from devstack.supervisor.client import StackClient, StackStatus


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(status)


def status(*, as_json: JsonOption = False) -> None:
    """Every process: its state, memory and processor time."""
    now = StackClient(load_settings().home).status()
    if as_json:
        totals = {
            "memory_bytes": now.memory_bytes,
            "memory_bytes_by_group": _memory_by_group(now),
            "cpu_seconds": round(now.cpu_seconds, 2),
        }
        say(json.dumps({**asdict(now), "totals": totals}, indent=2))
        return
    Console().print(_table(now))
    for group, memory in _memory_by_group(now).items():
        say(f"memory of `shop up --only {group}`: {megabytes(memory)}")
    for row in now.processes:
        if row.missing is not None:
            say(f"{row.name}: {row.missing}")


def _memory_by_group(now: StackStatus) -> dict[str, int]:
    """Of each group that runs; a process that several groups need counts in each."""
    groups = sorted({group for row in now.processes for group in row.groups})
    return {group: now.memory_bytes_of(group) for group in groups}


def _table(now: StackStatus) -> Table:
    table = Table(title=f"saga-shop: {now.phase}, {now.mode} mode", box=None, pad_edge=False)
    table.add_column("process")
    table.add_column("state")
    for heading in ("pid", "port", "uptime", "restarts", "memory", "cpu s"):
        table.add_column(heading, justify="right")
    for row in now.processes:
        table.add_row(
            row.name,
            row.state,
            str(row.pid or "-"),
            str(row.ports[0]) if row.ports else "-",
            duration(row.started_at),
            str(row.restarts),
            megabytes(row.memory_bytes) if row.pid else "-",
            f"{row.cpu_seconds:.1f}" if row.pid else "-",
        )
    own = now.supervisor
    memory, cpu = megabytes(own["memory_bytes"]), f"{own['cpu_seconds']:.1f}"
    table.add_row("supervisor", "", str(own["pid"]), "", "", "", memory, cpu)
    table.add_section()
    table.add_row("total", "", "", "", "", "", megabytes(now.memory_bytes), f"{now.cpu_seconds:.1f}")
    return table
