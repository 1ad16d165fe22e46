"""The `shop` command: each module of commands adds its own."""

import typer

from cli import (
    approvals,
    audit,
    catalogue,
    cluster,
    conservation,
    dapr_run,
    demo,
    events,
    load,
    logs,
    mail,
    orders,
    processes,
    reconcile,
    repair,
    runtime,
    stack,
    status,
    supervise,
    tasks,
)
from cli.chaos import command as chaos
from cli.doctor import command as doctor
from cli.output import FriendlyGroup

app = typer.Typer(
    name="shop",
    cls=FriendlyGroup,
    help="Run the saga shop on this machine, and look at it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for commands in (
    stack,
    status,
    logs,
    mail,
    processes,
    runtime,
    supervise,
    dapr_run,
    orders,
    repair,
    tasks,
    approvals,
    conservation,
    audit,
    reconcile,
    doctor,
    events,
    catalogue,
    cluster,
    load,
    demo,
    chaos,
):
    commands.register(app)

if __name__ == "__main__":
    app()
