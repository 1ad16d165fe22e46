"""The small job, the journal that records each execution of it, and how both apps are served."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from aiohttp import web
from dapr.ext.workflow import WorkflowRuntime

from shared.contracts.message import Message

CALLER: Final = "choosing-caller"
CALLEE: Final = "choosing-callee"
PUBSUB: Final = "choosing-pubsub"
ACTIVITY: Final = "do_job"
WORKFLOW: Final = "job_workflow"

DONE: Final = "done"
"""The job is done, says the caller."""
ACCEPTED: Final = "accepted"
"""Somebody else will see to it."""


class Way(StrEnum):
    """How the caller has another app do the job."""

    HTTP = "http"
    PUBSUB = "pubsub"
    WORKFLOW = "workflow"


class Death(StrEnum):
    """When the callee dies, the first time that it does this job."""

    NEVER = "never"
    BEFORE = "before"
    """Before the effect."""
    AFTER = "after"
    """After the effect, before the answer."""


class Job(Message):
    """One job: write one line. It has no idempotency key in use, so that a repeat shows."""

    job_id: str
    death: Death = Death.NEVER


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal: `began` or `done`, and when."""

    job_id: str
    what: str
    at_seconds: float


class Journal:
    """An append-only file; a line is there once it is on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def do(self, job: Job) -> None:
        """Do the job; die on the way as it says, the first time."""
        dies = job.death if job.death is Death.NEVER or self._is_new(job) else Death.NEVER
        self._write(job, "began")
        if dies is Death.BEFORE:
            os.kill(os.getpid(), signal.SIGKILL)
        self._write(job, DONE)
        if dies is Death.AFTER:
            os.kill(os.getpid(), signal.SIGKILL)

    def entries(self, job_id: str | None = None) -> Iterator[Entry]:
        """The lines of a job, or of all; oldest first; one that a death cut short is left out."""
        if not self._path.exists():
            return
        for line in self._path.read_text(encoding="utf-8").splitlines():
            if job_id is not None and job_id not in line:
                continue
            try:
                entry = Entry(**json.loads(line))
            except ValueError:
                continue
            if job_id in {None, entry.job_id}:
                yield entry

    def effects(self, job_id: str) -> list[float]:
        """When the job was done, each time that it was."""
        return [entry.at_seconds for entry in self.entries(job_id) if entry.what == DONE]

    def _is_new(self, job: Job) -> bool:
        return not any(self.entries(job.job_id))

    def _write(self, job: Job, what: str) -> None:
        line = json.dumps({"job_id": job.job_id, "what": what, "at_seconds": time.time()})
        with self._path.open("a", encoding="utf-8") as journal:
            journal.write(line + "\n")
            journal.flush()
            os.fsync(journal.fileno())


async def serve(routes: list[web.RouteDef], worker: WorkflowRuntime) -> None:
    """Serve by HTTP and by the worker until the process is ended."""
    app = web.Application()
    app.router.add_routes(routes)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ["SERVICE_HTTP_PORT"])).start()
    await asyncio.to_thread(worker.start)
    await asyncio.Event().wait()
