"""What a process and its descendants use: memory as the kernel would free it, and processor time."""

import contextlib
from collections.abc import Iterable
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Usage:
    """Memory in bytes (PSS: shared pages are split among their users) and processor seconds so far."""

    memory_bytes: int
    cpu_seconds: float


NOTHING = Usage(0, 0.0)


def usage_of(pid: int) -> Usage:
    """Sum over a process and all its descendants; what has gone meanwhile counts nothing."""
    try:
        root = psutil.Process(pid)
        family = [root, *root.children(recursive=True)]
    except psutil.Error:
        return NOTHING
    return total(_usage_of_one(process, is_root=process is root) for process in family)


def own_usage(pid: int) -> Usage:
    """Of a process without its descendants."""
    try:
        return _usage_of_one(psutil.Process(pid), is_root=False)
    except psutil.Error:
        return NOTHING


def total(usages: Iterable[Usage]) -> Usage:
    """The sum."""
    memory, cpu = 0, 0.0
    for usage in usages:
        memory += usage.memory_bytes
        cpu += usage.cpu_seconds
    return Usage(memory, cpu)


def _usage_of_one(process: psutil.Process, *, is_root: bool) -> Usage:
    with contextlib.suppress(psutil.Error):
        times = process.cpu_times()
        # Children that have ended count too: a Postgres backend lives as long as its connection.
        ended = times.children_user + times.children_system if is_root else 0.0
        return Usage(_memory(process), times.user + times.system + ended)
    return NOTHING


def _memory(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except (psutil.Error, AttributeError, OSError):
        return int(process.memory_info().rss)
