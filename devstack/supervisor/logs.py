"""One log file per process, bounded at each start."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from io import SEEK_END, BufferedWriter
from pathlib import Path

LARGEST_LOG_BYTES = 20 * 1024 * 1024
START_MARK = "--- started"
TAIL_BYTES = 256 * 1024


@contextmanager
def open_log(file: Path) -> Iterator[BufferedWriter]:
    """Open a log, which only its owner may read, for appending; a large one first becomes NAME.log.1.

    That replaces the one before.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if file.exists() and file.stat().st_size > LARGEST_LOG_BYTES:
        file.replace(file.with_name(f"{file.name}.1"))
    with open(file, "ab", opener=_private) as stream:
        stream.write(f"{START_MARK} {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC ---\n".encode())
        stream.flush()
        yield stream


def bound(file: Path) -> None:
    """Set a large log aside as NAME.log.1 while its process goes on writing: it appends, so that it begins anew.

    What is written between the copy and the cut is lost.
    """
    with contextlib.suppress(OSError):  # the disk is full: there is nothing to copy to, and the next look tries again
        if file.stat().st_size > LARGEST_LOG_BYTES:
            shutil.copyfile(file, file.with_name(f"{file.name}.1"))
            file.with_name(f"{file.name}.1").chmod(0o600)
            os.truncate(file, 0)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def tail(file: Path, lines: int) -> str:
    """The last lines of a log; empty when there is none."""
    try:
        with file.open("rb") as stream:
            stream.seek(max(0, file.stat().st_size - TAIL_BYTES))
            text = stream.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:]) if lines > 0 else ""


def tail_of_last_run(file: Path, lines: int) -> str:
    """As `tail`, but nothing from before the process was last started."""
    before, mark, recent = tail(file, lines).rpartition(START_MARK)
    return recent.partition("\n")[2] if mark else before + recent


def new_lines(file: Path, offset: int) -> tuple[str, int]:
    """The complete lines after an offset, and the offset after them; a log begun anew is read from its start."""
    try:
        with file.open("rb") as stream:
            size = stream.seek(0, SEEK_END)
            stream.seek(offset if offset <= size else 0)
            read = stream.read(TAIL_BYTES)
            lines = read[: read.rfind(b"\n") + 1]
            # A line as long as that is passed on in pieces.
            lines = lines if lines or len(read) < TAIL_BYTES else read
            return lines.decode(errors="replace"), stream.tell() - len(read) + len(lines)
    except FileNotFoundError:
        return "", 0
