"""Talks to a running stack: for the CLI, for tests, for chaos. Blocking; from async code use `asyncio.to_thread`."""

import http.client
import json
import time
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

from devstack.errors import NotRunningError, StackError, StartFailedError, UnknownHostError, UnknownProcessError
from devstack.supervisor.state import StackState, read_state

CALL_TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class ProcessStatus:
    """One row of `shop status`."""

    name: str
    kind: str
    groups: tuple[str, ...]
    state: str
    pid: int | None
    ports: tuple[int, ...]
    url: str | None
    started_at: float | None
    restarts: int
    exit_code: int | None
    missing: str | None
    memory_bytes: int
    cpu_seconds: float


@dataclass(frozen=True)
class HostStatus:
    """One host of a stack that has several: whether it is cut off from the others."""

    name: str
    address: str
    cut: bool


@dataclass(frozen=True)
class StackStatus:
    """The whole stack at one moment; the totals include the supervisor."""

    phase: str
    mode: str
    processes: tuple[ProcessStatus, ...]
    supervisor: dict[str, Any]
    hosts: tuple[HostStatus, ...] = ()

    def process(self, name: str) -> ProcessStatus:
        """The row of one process."""
        for row in self.processes:
            if row.name == name:
                return row
        raise UnknownProcessError(f"there is no process {name!r}")

    @property
    def memory_bytes(self) -> int:
        """Memory of all processes."""
        return sum(row.memory_bytes for row in self.processes) + int(self.supervisor["memory_bytes"])

    def memory_bytes_of(self, group: str) -> int:
        """Memory of what `shop up --only GROUP` starts, as it is now."""
        rows = sum(row.memory_bytes for row in self.processes if group in row.groups)
        return rows + int(self.supervisor["memory_bytes"])

    @property
    def cpu_seconds(self) -> float:
        """Processor time of all processes since each started."""
        return sum(row.cpu_seconds for row in self.processes) + float(self.supervisor["cpu_seconds"])


class StackClient:
    """The stack of one state folder; the folder is read at every call, so a restarted stack is found again."""

    def __init__(self, home: Path) -> None:
        self._home = home

    @property
    def home(self) -> Path:
        """The state folder."""
        return self._home

    def state(self) -> StackState:
        """What the running supervisor wrote down; raises `NotRunningError` when there is none."""
        state = self.state_if_running()
        if state is None:
            raise NotRunningError("the stack doesn't run; start it with `shop up`")
        return state

    def state_if_running(self) -> StackState | None:
        """As `state`, but None when no supervisor runs."""
        state = read_state(self._home / "run" / "state.json")
        return state if state is not None and state.supervisor.find() is not None else None

    def is_running(self) -> bool:
        """Whether a supervisor runs for this state folder."""
        return self.state_if_running() is not None

    def urls(self) -> dict[str, str]:
        """The HTTP address of each service, and of each sidecar (`<app-id>-daprd`)."""
        return dict(self.state().addresses)

    def status(self) -> StackStatus:
        """Every process with its state, memory and processor time."""
        answer = self._call("GET", "/status")
        rows = tuple(
            ProcessStatus(**{**row, "ports": tuple(row["ports"]), "groups": tuple(row["groups"])})
            for row in answer["processes"]
        )
        hosts = tuple(HostStatus(**row) for row in answer["hosts"])
        return StackStatus(answer["phase"], answer["mode"], rows, answer["supervisor"], hosts)

    def pid(self, name: str) -> int | None:
        """The process id now, or None when it doesn't run."""
        identity = self.state().processes.get(name)
        return None if identity is None else identity.pid

    def start(self, name: str) -> None:
        """Start a process that is stopped or held; doesn't wait until it is ready."""
        self._on(name, "start")

    def stop(self, name: str) -> None:
        """Stop a process politely and wait for its end; it stays stopped."""
        self._on(name, "stop")

    def restart(self, name: str) -> None:
        """Stop, then start."""
        self._on(name, "restart")

    def kill(self, name: str) -> None:
        """SIGKILL; returns when it is dead. The supervisor starts it again by itself, after 0.2 s."""
        self._on(name, "kill")

    def hold(self, name: str) -> None:
        """SIGKILL, and keep it dead until `start`."""
        self._on(name, "kill", hold=True)

    def signal(self, name: str, signal_name: str) -> None:
        """Send a signal such as `SIGSTOP` or `SIGCONT` to the process and its group."""
        self._on(name, "signal", signal=signal_name)

    def hosts(self) -> tuple[HostStatus, ...]:
        """The hosts that can be cut off from one another; none when all processes share one."""
        return self.status().hosts

    def partition(self, host: str) -> None:
        """Cut a host off from the others until `heal`; its processes live on, and what they say gets lost."""
        self._call("POST", f"/hosts/{quote(host)}/partition")

    def heal(self, host: str) -> None:
        """Join a host to the others again."""
        self._call("POST", f"/hosts/{quote(host)}/heal")

    def is_ready(self, name: str) -> bool:
        """Ask the process itself, now."""
        return bool(self._call("GET", f"/processes/{quote(name)}/ready")["ready"])

    def wait_ready(self, *names: str, timeout_seconds: float = 60.0) -> None:
        """Return when all these processes (none given: the whole stack) say that they are ready.

        Raises:
            StartFailedError: the time is over; the message says what is missing.
        """
        deadline = time.monotonic() + timeout_seconds
        for name in names or [row.name for row in self.status().processes]:
            while not (answer := self._call("GET", f"/processes/{quote(name)}/ready"))["ready"]:
                if time.monotonic() > deadline:
                    raise StartFailedError(f"{name} was not ready after {timeout_seconds:.0f} s: {answer['missing']}")
                time.sleep(POLL_SECONDS)

    def shutdown(self, timeout_seconds: float = 90.0) -> None:
        """Stop the whole stack and wait until its supervisor has ended."""
        supervisor = self.state().supervisor
        self._call("POST", "/shutdown")
        deadline = time.monotonic() + timeout_seconds
        while supervisor.find() is not None:
            if time.monotonic() > deadline:
                raise StackError(f"the stack has not stopped after {timeout_seconds:.0f} s; see {self._home / 'logs'}")
            time.sleep(POLL_SECONDS)

    def _on(self, name: str, verb: str, **body: object) -> None:
        self._call("POST", f"/processes/{quote(name)}/{verb}", body)

    def _call(self, method: str, path: str, body: dict[str, object] | None = None) -> Any:  # noqa: ANN401 - JSON
        state = self.state()
        connection = http.client.HTTPConnection(urlsplit(state.control_url).netloc, timeout=CALL_TIMEOUT_SECONDS)
        try:
            headers = {"Authorization": f"Bearer {state.token}"}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            answer = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotRunningError(f"the stack's supervisor doesn't answer ({error}); see `shop status`") from None
        finally:
            connection.close()
        if response.status == HTTPStatus.NOT_FOUND:
            unknown = UnknownHostError if path.startswith("/hosts/") else UnknownProcessError
            raise unknown(answer.get("error", path))
        if response.status != HTTPStatus.OK:
            raise StackError(answer.get("error", f"the supervisor answered {response.status}"))
        return answer
