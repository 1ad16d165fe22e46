"""The `shop` command: all commands, in the order of `--help`."""

from typing import Final

import typer

from cli import demo
from cli.chaos import command as chaos
from cli.doctor import command as doctor
from cli.load import load
from cli.new import command as new
from cli.output import FriendlyGroup
from cli.shop import approvals, audit, catalogue, conservation, events, mail, orders, repair, tasks
from cli.stack import cluster, processes, stack, status, tools

app = typer.Typer(
    name="shop",
    cls=FriendlyGroup,
    help="Run the saga shop on this machine, and look at it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

COMMANDS: Final = (
    *(stack.up, stack.down, stack.addresses, status.status, status.logs, mail.mail),
    *(processes.start, processes.stop, processes.kill, processes.restart, processes.partition, processes.heal),
    *(tools.build, tools.supervise, tools.topology, tools.dapr_run_file, tools.dapr_env),
    *(orders.order, orders.show, orders.cancel, orders.orders),
    *(approvals.approvals, approvals.approve, approvals.reject),
    *(conservation.conservation, conservation.reconcile, doctor.doctor, cluster.secrets),
    *(load.load, demo.demo, chaos.chaos),
)
GROUPS: Final = {
    "repair": repair.commands,
    "task": tasks.commands,
    "audit": audit.commands,
    "events": events.commands,
    "catalogue": catalogue.commands,
    "new": new.commands,
}
for command in COMMANDS:
    app.command()(command)
for name, group in GROUPS.items():
    app.add_typer(group, name=name)
