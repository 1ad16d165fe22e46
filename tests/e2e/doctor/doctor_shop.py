"""A shop that is broken in one way at a time, and the doctor who looks at it."""

import asyncio
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

import asyncpg
import pytest

from cli.doctor.evidence import Finding, Kind
from cli.doctor.examination import Diagnosis, examine
from cli.doctor.targets import LOCAL, local_targets
from devstack.postgres.passwords import load_passwords
from devstack.settings import StackSettings
from devstack.supervisor.client import StackClient
from devstack.topology.addresses import sidecar_of
from devstack.topology.layout import DatabaseLayout, database_layout
from tests.e2e.replacing import beside, instead_of, spec_of
from tests.e2e.shop import Shop

SECONDS = 150.0
"""gRPC tries a sidecar's address that was dead again after up to two minutes."""


@dataclass(slots=True)
class DoctorShop:
    """One running stack."""

    environment: dict[str, str]
    settings: StackSettings
    stack: StackClient
    shop: Shop
    sick_since: str = ""
    """The test that left it sick: nothing can be told from the ones after it."""

    def examine(self, *app_ids: str) -> Diagnosis:
        """Look at these apps, or at all."""
        targets = [one for one in local_targets(self.stack) if not app_ids or one.app_id in app_ids]
        return asyncio.run(examine(targets, LOCAL))

    def finds(self, kind: Kind, *apps: str, activity: str | None = None) -> Finding:
        """The finding, as soon as the doctor has this one and no other."""
        findings = self._comes_to([(kind, apps, activity)])
        return findings[0]

    def is_healthy(self, test: str) -> None:
        """Returns when the doctor finds nothing, before and after this test."""
        if self.sick_since:
            pytest.fail(f"the shop has been sick since {self.sick_since}")
        self.sick_since = test
        self._comes_to([])
        self.sick_since = ""

    def _comes_to(self, wanted: list[tuple[Kind, tuple[str, ...], str | None]]) -> tuple[Finding, ...]:
        """Ask until the findings are these: what was broken or mended a moment ago takes a while to settle."""
        deadline = time.monotonic() + SECONDS
        while True:
            findings = self.examine().findings
            if wanted == [(one.kind, one.apps, one.activity) for one in findings]:
                return findings
            if time.monotonic() > deadline:
                pytest.fail(f"wanted {wanted}, found {[(one.kind, one.apps, one.seen) for one in findings]}")

    @contextmanager
    def sidecar_of(self, name: str, /, *, variables: dict[str, str] | None = None, **flags: object) -> Iterator[None]:
        """The app's daprd runs with these flags and variables changed."""
        name = sidecar_of(name)
        changed = {f"--{flag.replace('_', '-')}": str(value) for flag, value in flags.items()}
        spec = spec_of(self.settings, name)
        # The last of its internal ports: the one that others know from before is dead to them for a while.
        program, *arguments = spec.command_at(len(spec.turns) - 1)
        command = [
            changed.pop("--program", program),
            *(word for word in arguments if word.partition("=")[0] not in changed),
            *(f"{flag}={value}" for flag, value in changed.items()),
        ]
        with instead_of(self.stack, self.settings, name, command, variables):
            yield

    def service_of(self, app_id: str, module: str | None = None, **variables: str) -> AbstractContextManager[None]:
        """The app's service runs from this module, or with these variables changed."""
        return instead_of(self.stack, self.settings, app_id, self._command(app_id, module), variables)

    def second_service_of(self, app_id: str, **variables: str) -> AbstractContextManager[None]:
        """The app's service runs once more."""
        return beside(self.settings, app_id, self._command(app_id, None), variables)

    def execute(self, *statements: str, in_state_database: bool = False) -> None:
        """As the database's administrator."""
        database = self.layout.state_database if in_state_database else self.layout.database
        asyncio.run(_execute(self.layout.url_of_database(database), statements))

    @property
    def layout(self) -> DatabaseLayout:
        return database_layout(self.settings, load_passwords(self.settings))

    def _command(self, app_id: str, module: str | None) -> tuple[str, ...]:
        return (sys.executable, "-m", module) if module else spec_of(self.settings, app_id).command


async def _execute(url: str, statements: tuple[str, ...]) -> None:
    connection = await asyncpg.connect(url)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
