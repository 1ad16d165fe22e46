"""Another task-orchestrator-service in the place of the stack's own."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from devstack.settings import StackSettings
from tests.e2e.replacing import instead_of, spec_of
from tests.e2e.shop import eventually
from tests.e2e.tasks.task_client import ORCHESTRATOR, TaskClient


@contextmanager
def other_orchestrator(
    client: TaskClient, settings: StackSettings, variables: Mapping[str, str], command: Sequence[str] | None = None
) -> Iterator[None]:
    """One with these variables, and with this command instead of the usual one; it answers."""
    with instead_of(
        client.stack, settings, ORCHESTRATOR, command or spec_of(settings, ORCHESTRATOR).command, variables
    ):
        eventually(client.answers, "the other task-orchestrator-service answers")
        yield
