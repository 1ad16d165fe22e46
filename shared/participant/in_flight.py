"""What a process is doing, in a file that survives it: after a death, the next process knows what was running.

The file is mapped into memory, so that a mark costs no system call, and the kernel keeps what was written when the
process is killed. It doesn't survive the machine, and needn't: a machine that dies was not killed by a call.
"""

import fcntl
import mmap
import os
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final, Self

SLOTS: Final = 1024
"""More than a worker runs at once; what finds none free runs all the same, and isn't known after a death."""
SLOT_BYTES: Final = 512
REMEMBERED_SECONDS: Final = 3600.0
"""A suspect that hasn't come again by then won't."""

NAME_BYTES: Final = 160
"""Of each of the three names of a work: together they fit into a slot."""
LONGEST_CHARACTER: Final = 4

_HEAD: Final = struct.Struct("<BBHI")
_SEPARATOR: Final = "\x1f"


@dataclass(frozen=True, slots=True)
class Work:
    """One thing that a process does: a call (saga, step, activity), a turn of a workflow, or an event."""

    saga_id: str
    step: str
    what: str
    """The activity, the workflow, or the event's id: a do and its undo are two things of one step."""

    @classmethod
    def of(cls, saga_id: str, step: str, what: str) -> Self:
        """With as much of each name as a slot holds; strangers may send longer ones."""
        return cls(_cut(saga_id), _cut(step), _cut(what))

    def __str__(self) -> str:
        return f"{self.what} of {self.saga_id}"


class Mark(IntEnum):
    """What a slot says of its work."""

    FREE = 0
    RUNNING = 1
    ALONE = 2
    """Nothing else runs: a death now is its doing."""
    WAITING = 3
    """It was running at a death, and hasn't run since."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """What the process before this one was doing when it died."""

    slot: int
    work: Work
    mark: Mark
    rounds: int
    """How often it has run alone before."""


class InFlight:
    """The marks of one process. Every method may be called from any thread."""

    def __init__(self, memory: mmap.mmap, file: int) -> None:
        self._memory = memory
        self._file = file
        self._free = [slot for slot in range(SLOTS - 1, -1, -1) if memory[slot * SLOT_BYTES] == Mark.FREE]
        self._lock = threading.Lock()

    @classmethod
    def open(cls, folder: Path, name: str) -> Self:
        """The marks of the process `name`: those that the last one left, or new ones.

        Two processes of one name have a file each: the second takes the next that nobody holds.

        Raises:
            OSError: the folder can't be written to.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        number = 0
        while (file := _locked(folder / f"{name}-{number}.calls")) is None:
            number += 1
        # A hole of the file would be filled at the first write to it, which ends the process if the disk is full then.
        os.posix_fallocate(file, 0, SLOTS * SLOT_BYTES)
        return cls(mmap.mmap(file, SLOTS * SLOT_BYTES), file)

    def leftovers(self) -> list[Leftover]:
        """What was running or still waiting when the last process ended; what is too old is forgotten."""
        found = []
        for slot, (mark, rounds, work, written_at) in self._read():
            if time.time() - written_at > REMEMBERED_SECONDS:
                self.free(slot)
            else:
                found.append(Leftover(slot, work, mark, rounds))
        return found

    def write(self, work: Work, mark: Mark, *, slot: int | None = None, rounds: int = 0) -> int | None:
        """Mark the work, in its slot if it has one; the slot, or None if there is none free."""
        if slot is None:
            with self._lock:
                if not self._free:
                    return None
                slot = self._free.pop()
        text = _SEPARATOR.join((work.saga_id, work.step, work.what)).encode(errors="replace")
        begin = slot * SLOT_BYTES
        head = _HEAD.pack(mark, min(rounds, 255), len(text), int(time.time()))
        self._memory[begin + _HEAD.size : begin + _HEAD.size + len(text)] = text
        self._memory[begin + 1 : begin + _HEAD.size] = head[1:]
        # Last, so that a death in between leaves no half mark.
        self._memory[begin] = mark
        return slot

    def remark(self, slot: int, mark: Mark) -> None:
        """Say something else of the slot's work."""
        self._memory[slot * SLOT_BYTES] = mark

    def free(self, slot: int) -> None:
        """The slot's work has ended."""
        self._memory[slot * SLOT_BYTES] = Mark.FREE
        with self._lock:
            self._free.append(slot)

    def close(self) -> None:
        """Let the file go; for tests, since a process holds it until its end."""
        self._memory.close()
        os.close(self._file)

    def _read(self) -> Iterator[tuple[int, tuple[Mark, int, Work, float]]]:
        for slot in range(SLOTS):
            begin = slot * SLOT_BYTES
            mark, rounds, length, written_at = _HEAD.unpack_from(self._memory, begin)
            if mark == Mark.FREE:
                continue
            text = self._memory[begin + _HEAD.size : begin + _HEAD.size + length].decode(errors="replace")
            parts = text.split(_SEPARATOR)
            if mark <= max(Mark) and len(parts) == len(Work.__slots__):
                yield slot, (Mark(mark), rounds, Work(*parts), written_at)
            else:
                self.free(slot)


def _locked(path: Path) -> int | None:
    """The file, locked for as long as it is open; None if another process has it."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def _cut(name: str) -> str:
    if len(name) * LONGEST_CHARACTER > NAME_BYTES:
        name = name.encode(errors="replace")[:NAME_BYTES].decode(errors="ignore")
    return name.replace(_SEPARATOR, " ")
