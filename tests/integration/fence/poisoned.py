"""A process that dies of some of its work: `python -m tests.integration.fence.poisoned URL FOLDER WORK...`.

Each work is a step of a saga of its own. `poison` kills the process, once every other has begun if it may run beside
it; a work's line is printed when it has ended.
"""

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

from shared.database import create_engine
from shared.participant.errors import QuarantinedError
from shared.participant.in_flight import Work
from shared.participant.quarantine import Gate, Quarantine

POISON = "poison"


async def main(database_url: str, folder: str, *names: str) -> None:
    database = create_engine(database_url, application_name="poisoned")
    gate = Gate()
    quarantine = Quarantine(gate, database)
    await quarantine.begin(Path(folder), "poisoned")
    at_work, together = asyncio.Barrier(len(names)), asyncio.Event()

    async def run(name: str) -> None:
        try:
            async with gate.passed(Work.of(name, "a_step", "an_activity")):
                # Whoever runs alone waits in vain for the others.
                with contextlib.suppress(TimeoutError, asyncio.BrokenBarrierError):
                    await asyncio.wait_for(at_work.wait(), 0.5)
                    together.set()
                if name == POISON:
                    os.kill(os.getpid(), signal.SIGKILL)
                if POISON in names and together.is_set():
                    await asyncio.Event().wait()  # for the death of all
            said = "done"
        except QuarantinedError as error:
            said = f"quarantined: {error}"
        sys.stdout.write(f"{name} {said}\n")
        sys.stdout.flush()

    await asyncio.gather(*map(run, names))
    await database.dispose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
