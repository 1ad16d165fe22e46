"""`shop new participant`."""

from typing import Annotated

import typer

from cli.new.participant import NewParticipant, write
from cli.output import FriendlyGroup, say
from devstack.settings import PROJECT_ROOT

commands = typer.Typer(cls=FriendlyGroup, no_args_is_help=True, help="Write new parts of the shop.")


@commands.callback()
def _group() -> None:
    """Keep `participant` a word of its own, as long as it is the only one."""


@commands.command()
def participant(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The app will be NAME-service.")],
    *,
    do: Annotated[str, typer.Option(metavar="VERB_NOUN", help="Its activity.")],
    undo: Annotated[str, typer.Option(metavar="VERB_NOUN", help="The activity that undoes it.")],
    after: Annotated[str, typer.Option(metavar="ACTIVITY", help="The step of the order saga that it comes after.")],
) -> None:
    """Add a participant with one step to the order saga: its service, its tests, its rule, and its step."""
    new = NewParticipant(name, do, undo, after)
    for path in write(new, PROJECT_ROOT):
        say(path)
    say(
        f"\n{new.app_id} takes part in every new order, after {after}. What is yours to write:\n"
        f"  shared/shop/{new.module}.py    the messages, the rule that conservation checks, what its books show\n"
        f"  {new.package}/store.py    the effect and its undo\n"
        "  order_service/workflow.py    what the order sends it\n"
        "`make check` passes, `shop up --demo` runs it. See docs/your-own-saga.md."
    )
