"""`shop logs NAME`."""

import os
import sys
import time
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from cli.output import say
from devstack.errors import UnknownProcessError, unknown_name
from devstack.settings import load_settings
from devstack.supervisor.logs import tail

POLL_SECONDS = 0.2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(logs)


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
