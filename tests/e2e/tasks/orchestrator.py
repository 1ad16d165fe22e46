"""Another task-orchestrator-service in the place of the stack's own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from devstack.settings import StackSettings
from tests.e2e.replacing import instead_of, spec_of
from tests.e2e.shop import eventually
from tests.e2e.tasks.desk import ORCHESTRATOR, Desk


@contextmanager
def other_orchestrator(
    desk: Desk, settings: StackSettings, variables: Mapping[str, str], command: Sequence[str] | None = None
) -> Iterator[None]:
    """One with these variables, and with this command instead of the usual one; it answers."""
    with instead_of(desk.stack, settings, ORCHESTRATOR, command or spec_of(settings, ORCHESTRATOR).command, variables):
        eventually(desk.answers, "the other task-orchestrator-service answers")
        yield
