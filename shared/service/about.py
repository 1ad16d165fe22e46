"""What a service says of itself at `GET /about`: what it registered, its versions, its tables' revision, its clock.

Dapr's metadata lists no activities, no workflows and no SDK, and only the service knows which revision its tables have
and its code expects. `shop doctor` asks all apps for this and compares.
"""

import platform
import time
from collections.abc import Callable, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Protocol

from pydantic import BaseModel, ConfigDict
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.migrations.revisions import revisions_in

SDK: Final = "dapr"


class Revisions(BaseModel):
    """Where the service's tables stand: the revision that was applied last, and those its code knows, oldest first."""

    model_config = ConfigDict(frozen=True)

    applied: str | None
    known: tuple[str, ...]


class About(BaseModel):
    """The answer; whoever reads that of another version finds defaults for what it doesn't say."""

    model_config = ConfigDict(frozen=True)

    app_id: str
    sdk: str
    """The version of the Dapr SDK."""
    python: str
    unix_seconds: float
    """The service's clock while it answered."""
    activities: tuple[str, ...] = ()
    workflows: tuple[str, ...] = ()
    revisions: Revisions | None = None
    """None if the service has no tables, or couldn't read their revision."""


class Runtime(Protocol):
    """The part of the SDK's runtime that takes activities and workflows."""

    def register_activity(self, fn: Callable[..., Any], *, name: str) -> None: ...

    def register_workflow(self, fn: Callable[..., Any], *, name: str) -> None: ...


class Registrations:
    """Registers with the SDK's runtime, and remembers what was registered: it can't be asked."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._activities: list[str] = []
        self._workflows: list[str] = []

    @property
    def activities(self) -> tuple[str, ...]:
        return tuple(sorted(self._activities))

    @property
    def workflows(self) -> tuple[str, ...]:
        return tuple(sorted(self._workflows))

    def register_activity(self, fn: Callable[..., Any], *, name: str) -> None:
        self._runtime.register_activity(fn, name=name)
        self._activities.append(name)

    def register_workflows(self, workflows: Mapping[str, Callable[..., Any]]) -> None:
        for name, workflow in workflows.items():
            self._runtime.register_workflow(workflow, name=name)
            self._workflows.append(name)


class Introduction:
    """Answers `GET /about` for one service."""

    def __init__(
        self, app_id: str, database: AsyncEngine, migrations: Path | None, registrations: Registrations | None = None
    ) -> None:
        """Introduce `app_id`, whose tables come from `migrations` (None if it has none)."""
        self._app_id = app_id
        self._database = database
        self._known = () if migrations is None else revisions_in(migrations)
        self._registrations = registrations

    async def about(self) -> About:
        """How it is now."""
        registrations = self._registrations
        return About(
            app_id=self._app_id,
            sdk=version(SDK),
            python=platform.python_version(),
            activities=registrations.activities if registrations else (),
            workflows=registrations.workflows if registrations else (),
            revisions=await self._revisions(),
            unix_seconds=time.time(),
        )

    async def _revisions(self) -> Revisions | None:
        if not self._known:
            return None
        try:
            async with self._database.connect() as connection:
                applied = await connection.scalar(text("SELECT version_num FROM alembic_version"))
        except (SQLAlchemyError, OSError, TimeoutError):
            # Its readiness reports whether its database answers.
            return None
        return Revisions(applied=applied, known=self._known)
