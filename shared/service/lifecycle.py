"""A service's process: its logs, its tables before it starts, the loops that live until its end, and the end."""

import asyncio
import contextlib
import logging
import re
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any, Final, TextIO, cast

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.tracebacks import ExceptionDictTransformer
from structlog.typing import EventDict

from shared.contracts.app import Readable
from shared.database import migrate
from shared.migrations.revisions import NewerSchemaError

log = structlog.get_logger()

_ROW: Final = re.compile(r"\n[ |]*(?:DETAIL|CONTEXT):.*?(?=\n\[SQL:|\nHINT:|\n\n|\Z)", re.DOTALL)
_VALUE: Final = re.compile(r"(invalid input (?:for query argument \$\d+|(?:syntax|value) for [\w ]+)): .*")


class Stop(asyncio.Event):
    """Set when the process is to end: by a signal, or a part of it has failed. Of the loop that waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.exit_code = 0

    def fail(self) -> None:
        """End the process as failed, so that whoever runs it (supervisor, kubelet) starts another."""
        self.exit_code = 1
        self.set()


def stop_signal() -> Stop:
    """Set by SIGTERM and SIGINT from now on; of the running loop."""
    stop = Stop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    return stop


@contextlib.asynccontextmanager
async def running(stop: Stop, *loops: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """These loops run for as long as the block lasts; should one end before, the process does, too.

    A service without one of its loops answers and looks ready, and the loop's work is done by nobody.
    """

    def ended(task: asyncio.Task[None]) -> None:
        log.error("a background loop has ended: the service ends", loop=task.get_name(), exc_info=task.exception())
        stop.fail()

    tasks = [asyncio.create_task(loop, name=getattr(loop, "__qualname__", None)) for loop in loops]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    finally:
        for task in tasks:
            task.remove_done_callback(ended)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Unfailing:
    """A stream whose loss is no failure of the work that wanted to say something: its disk is full, say."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """The text is written, or lost."""
        try:
            return self._stream.write(text)
        except OSError:
            return len(text)

    def flush(self) -> None:
        """What is buffered is written, or lost."""
        with contextlib.suppress(OSError):
            self._stream.flush()


def configure_logs(app_id: str) -> None:
    """Set up structlog for this process; every line names the app."""
    structlog.contextvars.clear_contextvars()
    pretty = sys.stdout.isatty()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            # Locals would hold passwords of connections, tokens of cards, and names of customers.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))
            if not pretty
            else structlog.processors.StackInfoRenderer(),
            without_rows,
            structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
            if pretty
            else structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", Unfailing(sys.stdout))),
        cache_logger_on_first_use=True,
    )
    of_libraries = logging.StreamHandler(sys.stdout)
    of_libraries.setFormatter(_WithoutRows("%(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[of_libraries])
    structlog.get_logger().info("starting", app_id=app_id)


def without_rows(_: object, __: str, event: EventDict) -> EventDict:
    """Take out of a log line what Postgres or its driver quotes of a row or value: a customer's data may be in it."""
    for name, value in event.items():
        event[name] = _without_rows(value)
    return event


def _without_rows(value: Any) -> Any:  # noqa: ANN401 - of any type
    if isinstance(value, str):
        return _VALUE.sub(r"\1", _ROW.sub("", value))
    if isinstance(value, list):
        return [_without_rows(one) for one in value]
    if isinstance(value, dict):
        return {name: _without_rows(one) for name, one in value.items()}
    return value


class _WithoutRows(logging.Formatter):
    """For what libraries log, with their tracebacks."""

    def format(self, record: logging.LogRecord) -> str:
        return str(_without_rows(super().format(record)))


async def prepare_schema(url: str, migrations: Path, readable: Readable | None = None) -> None:
    """Migrate the schema, of which an auditor may read so much.

    Raises:
        SystemExit: the schema is newer than this code. No waiting changes that: the process ends with one sentence,
            and whoever started it starts it again, by then perhaps as the newer version.
        DBAPIError | OSError: as `migrate`.
    """
    try:
        await migrate(url, migrations, readable)
    except NewerSchemaError as error:
        raise SystemExit(str(error)) from None


async def database_reason(database: AsyncEngine) -> str | None:
    """Why the database can't be used, or None."""
    try:
        async with database.connect() as connection:
            await connection.execute(text("SELECT 1"))
    except (SQLAlchemyError, OSError, TimeoutError) as error:
        return f"The database doesn't answer: {error}."
    return None
