"""Finds the process at the other end of a local connection."""

import contextlib
from collections.abc import Iterable

import psutil


def owner_of_port(port: int, pids: Iterable[int]) -> int | None:
    """Which of these processes holds a TCP socket with this local port, or None."""
    for pid in pids:
        with contextlib.suppress(psutil.Error):
            for connection in psutil.Process(pid).net_connections(kind="tcp4"):
                if connection.laddr and connection.laddr[1] == port:
                    return pid
    return None
