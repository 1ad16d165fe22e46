"""What a running supervisor writes down, so that others can find it, and its heirs end what it left."""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from signal import SIGCONT, SIGKILL, Signals

import psutil
from pydantic import BaseModel, ConfigDict, Field

from devstack.errors import AlreadyRunningError
from devstack.network import remove_namespaces
from devstack.postgres.passwords import write_private

ENDS_WITHIN_SECONDS = 15.0


def start_time(pid: int) -> float:
    """When a process was started, on a scale that no correction of the clock moves; 0 when it is gone."""
    try:
        # Linux: clock ticks since the machine's start. The name before it may hold spaces and brackets.
        return float(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except FileNotFoundError:
        with contextlib.suppress(psutil.Error):
            return psutil.Process(pid).create_time()
    except OSError:
        return 0.0
    return 0.0


@dataclass(frozen=True)
class ProcessIdentity:
    """A process that can be told from a later one that got the same id."""

    pid: int
    started: float
    stop_signal: int = Signals.SIGTERM

    def find(self) -> psutil.Process | None:
        """The process itself, while it lives."""
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            if start_time(self.pid) == self.started and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None


class StackState(BaseModel):
    """The content of state.json."""

    model_config = ConfigDict(frozen=True)

    phase: str
    supervisor: ProcessIdentity
    control_url: str
    token: str = Field(repr=False)
    mode: str
    addresses: Mapping[str, str]
    processes: Mapping[str, ProcessIdentity]

    def write(self, file: Path) -> None:
        """Replace the file at once; only its owner can read it, for it holds the control token."""
        write_private(file, self.model_dump_json(indent=2))


def read_state(file: Path) -> StackState | None:
    """The state that a supervisor left, or None when there is none that can be read."""
    try:
        return StackState.model_validate_json(file.read_text())
    except (FileNotFoundError, ValueError):
        return None


@contextmanager
def supervisor_lock(run_folder: Path) -> Iterator[None]:
    """Hold the state folder; a second holder gets `AlreadyRunningError`. The kernel frees it when we die."""
    run_folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(run_folder / "supervisor.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunningError(f"the stack of {run_folder.parent} already runs") from None
        yield
    finally:
        os.close(descriptor)


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
