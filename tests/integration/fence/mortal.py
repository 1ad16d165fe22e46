"""One execution of a step in a process that a fault may kill: `python -m tests.integration.fence.mortal URL MODE`."""

import asyncio
import sys

from shared.contracts.call import Fault, FaultMode
from shared.contracts.message import Message
from shared.database import create_engine
from shared.participant.faults import FaultInjector
from shared.shop.inventory import StockReserved
from tests.integration.fence.world import KEY, Participant


async def main(database_url: str, mode: str) -> None:
    database = create_engine(database_url, application_name="mortal")
    participant = Participant(database)

    async def execute() -> Message:
        return await participant.do()

    async def refuse(reason: str) -> Message:
        return await participant.fence.refuse(KEY, StockReserved, reason)

    plan = [Fault(activity=KEY.step, mode=FaultMode(mode))]
    await FaultInjector(database).run(KEY, KEY.step, plan, execute, refuse)
    await database.dispose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
