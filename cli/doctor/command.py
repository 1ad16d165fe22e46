"""`shop doctor`."""

import asyncio
import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from cli.doctor.targets import (
    CLUSTER_APPS,
    LOCAL,
    CouldNotLookError,
    Surroundings,
    Target,
    forwarded_targets,
    given_targets,
    local_targets,
    surroundings_of,
)
from cli.output import JsonOption, say
from devstack.errors import NotRunningError, SettingsError
from devstack.settings import load_settings
from devstack.supervisor.client import StackClient

TargetOption = Annotated[
    list[str] | None,
    typer.Option("--target", help="APP=SERVICE_PORT:SIDECAR_PORT, again for each app; instead of the local stack."),
]
NamespaceOption = Annotated[
    str | None, typer.Option("--kubernetes", metavar="NAMESPACE", help="Ask the pods of this namespace, by kubectl.")
]


def doctor(
    *,
    target: TargetOption = None,
    kubernetes: NamespaceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find out why calls between the apps fail. Exit code 0: healthy, 1: something found, 2: couldn't look."""
    if target and kubernetes:
        raise SettingsError("either --target or --kubernetes")
    # The HTTP library takes a third of a second to import, for which the other commands needn't wait.
    from cli.doctor.examination import document, examine, exit_code, lines  # noqa: PLC0415

    with chosen_targets(target or (), kubernetes) as (targets, surroundings, expected):
        diagnosis = asyncio.run(examine(targets, surroundings, expected))
    if as_json:
        say(json.dumps(document(diagnosis), indent=2))
    else:
        for line in lines(diagnosis):
            say(line)
    if code := exit_code(diagnosis):
        raise typer.Exit(code)


@contextlib.contextmanager
def chosen_targets(
    words: Sequence[str], namespace: str | None
) -> Iterator[tuple[list[Target], Surroundings, frozenset[str]]]:
    """Whom to ask, and which apps must be among them."""
    if namespace is not None:
        with forwarded_targets(namespace) as targets:
            yield targets, surroundings_of(namespace), CLUSTER_APPS
        return
    if words:
        yield given_targets(words), Surroundings(), frozenset()
        return
    try:
        targets = local_targets(StackClient(load_settings().home))
    except NotRunningError as error:
        raise CouldNotLookError(f"{error}, or say whom to ask with --target or --kubernetes") from None
    yield targets, LOCAL, frozenset()
