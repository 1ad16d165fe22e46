"""Runs the stage on ports of its own and asks the caller for jobs; for the bench and the test."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeVar

from devstack.errors import StartFailedError
from devstack.programs.build import ensure_broker
from devstack.settings import PROJECT_ROOT, StackSettings
from devstack.supervisor.client import StackClient
from devstack.supervisor.own_stack import fresh_settings, own_environment, own_settings
from devstack.topology.addresses import sidecar_of
from examples.choosing.jobs import CALLEE, CALLER, DONE, Death, Job, Journal, Way
from examples.choosing.stage import journal_of, url_of

T = TypeVar("T")

STARTS_WITHIN_SECONDS: Final = 120.0
SETTLES_WITHIN_SECONDS: Final = 120.0
"""A sidecar whose app died finds it again within seconds; the broker asks again after its ack wait."""
POLL_SECONDS: Final = 0.01
REQUEST_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one job."""

    answer: str
    """The answer that the caller received."""
    effects: int
    effect_seconds: float | None
    """From asking to the first effect; None if there never was one."""
    known_seconds: float | None
    """From asking until the caller knew that the job is done; None if it never did."""


class Stage:
    """A running stage."""

    def __init__(self, settings: StackSettings, stack: StackClient) -> None:
        self.stack = stack
        self.journal = Journal(journal_of(settings))
        self._caller = url_of(settings, CALLER)

    def run(self, way: Way, job_id: str, death: Death = Death.NEVER) -> Outcome:
        """Have the job done, the callee dying on the way; returns when nothing more will come of it."""
        asked_at = time.time()
        answer = self.ask(way, Job(job_id=job_id, death=death))
        outcome = self._settled(way, job_id, asked_at, answer, effects=2 if death is Death.AFTER else 1)
        if death is not Death.NEVER:
            self._wait_for_callee()
        return replace(outcome, effects=len(self.journal.effects(job_id)))

    def run_while_down(self, way: Way, job_id: str, *, caller_dies: bool = False) -> Outcome:
        """Ask while the callee is down; it is back when the caller has its answer, or has died and is back itself."""
        self.stack.hold(CALLEE)
        asked_at = time.time()
        try:
            answer = self.ask(way, Job(job_id=job_id))
            if caller_dies:
                self.stack.kill(CALLER)
                self.stack.wait_ready(CALLER, sidecar_of(CALLER))
        finally:
            self.stack.start(CALLEE)
            self._wait_for_callee()
        return self._settled(way, job_id, asked_at, answer, effects=1)

    def ask(self, way: Way, job: Job) -> str:
        """What the caller says, at once."""
        request = urllib.request.Request(  # noqa: S310 - our own URL
            f"{self._caller}/{way}", job.model_dump_json().encode(), {"Content-Type": "application/json"}
        )
        return str(_json(request)["answer"])

    def workflow_status(self, job_id: str) -> str:
        """How the workflow of a job stands."""
        return str(_json(f"{self._caller}/jobs/{job_id}")["status"])

    def _settled(self, way: Way, job_id: str, asked_at: float, answer: str, effects: int) -> Outcome:
        """By HTTP nothing more comes once the call has ended; the other ways end with an execution that survives."""
        known_at = time.time() if answer == DONE else None
        if way is not Way.HTTP:
            eventually(
                lambda: len(self.journal.effects(job_id)) >= effects or None, f"{job_id} is done {effects} times"
            )
        if way is Way.WORKFLOW:
            eventually(lambda: self.workflow_status(job_id) == "completed" or None, f"the workflow {job_id} ends")
            known_at = time.time()
        done_at = self.journal.effects(job_id)
        return Outcome(
            answer,
            len(done_at),
            min(done_at) - asked_at if done_at else None,
            None if known_at is None else known_at - asked_at,
        )

    def _wait_for_callee(self) -> None:
        self.stack.wait_ready(CALLEE, sidecar_of(CALLEE))


@contextmanager
def running_stage(home: Path) -> Iterator[Stage]:
    """The stage on free ports, with its state below `home`; stopped at the end.

    Raises:
        StartFailedError: it isn't ready in time, or has ended; its logs are in `home`.
    """
    settings = fresh_settings(home, print, nats_server=ensure_broker(own_settings(), print))
    settings.logs.mkdir(parents=True, exist_ok=True)
    with (settings.logs / "supervisor.log").open("w") as log:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "examples.choosing.stage"],
            cwd=PROJECT_ROOT,
            env=own_environment(settings.environment()),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    stack = StackClient(home)
    try:
        eventually(lambda: _is_up(stack, supervisor, settings), "the stage is up", STARTS_WITHIN_SECONDS)
        yield Stage(settings, stack)
    finally:
        supervisor.terminate()
        supervisor.wait()


def eventually(
    attempt: Callable[[], T | None], what: str, seconds: float = SETTLES_WITHIN_SECONDS, every: float = POLL_SECONDS
) -> T:
    """The first answer that isn't None, asked for every so many seconds.

    Raises:
        TimeoutError: there was none in time.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = attempt()
        if answer is not None:
            return answer
        time.sleep(every)
    raise TimeoutError(f"not within {seconds:g} s: {what}")


def _is_up(stack: StackClient, supervisor: subprocess.Popen[bytes], settings: StackSettings) -> bool | None:
    if supervisor.poll() is not None:
        raise StartFailedError(f"the stage did not start; see {settings.logs / 'supervisor.log'}")
    state = stack.state_if_running()
    return True if state is not None and state.phase == "up" else None


def _json(request: urllib.request.Request | str) -> Any:  # noqa: ANN401 - JSON
    with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as response:  # noqa: S310 - our own URL
        return json.load(response)
