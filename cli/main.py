"""The `shop` command: each module of commands adds its own."""

import typer

from cli import demo
from cli.chaos import command as chaos
from cli.doctor import command as doctor
from cli.load import load
from cli.new import command as new
from cli.output import FriendlyGroup
from cli.shop import approvals, audit, catalogue, conservation, events, mail, orders, reconcile, repair, tasks
from cli.stack import cluster, processes, stack, status, tools

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
    mail,
    processes,
    tools,
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
    new,
):
    commands.register(app)

if __name__ == "__main__":
    app()
