"""Ends what a killed supervisor left running: only processes that are provably its own."""

import contextlib
import os
from pathlib import Path
from signal import SIGCONT, SIGKILL, Signals

import psutil

from devstack.network.namespaces import remove_namespaces
from devstack.supervisor.state import read_state

ENDS_WITHIN_SECONDS = 15.0


def end_leftovers(home: Path) -> list[str]:
    """End them politely, then by force, and forget them; returns their names, and those of the hosts made for them."""
    state_file = home / "run" / "state.json"
    ended = _end_processes(state_file)
    # After the processes: a namespace lives as long as one of them.
    ended += remove_namespaces(home)
    state_file.unlink(missing_ok=True)
    return ended


def _end_processes(state_file: Path) -> list[str]:
    state = read_state(state_file)
    if state is None:
        return []
    found: dict[str, psutil.Process] = {}
    for name, identity in state.processes.items():
        process = identity.find()
        # Everything was started as the leader of a group of its own.
        if process is None or os.getpgid(process.pid) != process.pid:
            continue
        found[name] = process
        _signal_group(process.pid, Signals(identity.stop_signal))
        # A paused process can't obey.
        _signal_group(process.pid, SIGCONT)
    _, stubborn = psutil.wait_procs(list(found.values()), timeout=ENDS_WITHIN_SECONDS)
    for process in stubborn:
        _signal_group(process.pid, SIGKILL)
    psutil.wait_procs(stubborn, timeout=ENDS_WITHIN_SECONDS)
    return list(found)


def _signal_group(leader: int, number: Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)
