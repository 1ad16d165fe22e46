"""`shop status`, `shop logs NAME`: what the processes of the stack do."""

import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from rich.console import Console
from rich.table import Table

from cli.output import JsonOption, duration, megabytes, say
from devstack.errors import UnknownProcessError, unknown_name
from devstack.settings import load_settings
from devstack.supervisor.client import StackClient, StackStatus
from devstack.supervisor.logs import tail

POLL_SECONDS = 0.2


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


def logs(
    name: Annotated[str, typer.Argument(help="A process, as `shop status` lists it.")],
    *,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", "-f", help="Go on until Ctrl-C.")] = True,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines to begin with.")] = 40,
) -> None:
    """Show a process's log and follow it."""
    folder = load_settings().logs
    file = folder / f"{name}.log"
    known = sorted(log.stem for log in folder.glob("*.log"))
    if name not in known:
        hint = unknown_name(name, known) if known else "there are no logs yet: start the stack with `shop up`"
        raise UnknownProcessError(hint)
    last = tail(file, lines)
    if last:
        say(last)
    if follow:
        _follow(file)


def _follow(file: Path) -> None:
    """Print what is appended, also after the file was rotated."""
    stream = _open_at_end(file)
    try:
        while True:
            chunk = stream.read()
            if chunk:
                sys.stdout.write(chunk.decode(errors="replace"))
                sys.stdout.flush()
                continue
            if file.exists() and file.stat().st_ino != os.fstat(stream.fileno()).st_ino:
                stream.close()
                stream = file.open("rb")
            time.sleep(POLL_SECONDS)
    except KeyboardInterrupt:
        return
    finally:
        stream.close()


def _open_at_end(file: Path) -> BinaryIO:
    stream = file.open("rb")
    stream.seek(0, os.SEEK_END)
    return stream
