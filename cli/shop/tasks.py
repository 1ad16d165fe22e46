"""`shop task submit|show|list|retry`: pick-and-pack tasks."""

import json
import uuid
from typing import Annotated, Final
from urllib.parse import quote

import typer
from rich.console import Console, Group
from rich.markup import escape

from cli.output import FriendlyGroup, JsonOption, say, table
from cli.shop.order_body import FORM, HOME, OrderUsageError, pair_lines, parse_fault
from cli.shop.timeline import coloured, milliseconds_between, steps_shown
from cli.shop_client import ShopClient, read, service_url, shown_as_json, wait_until
from shared.shop.task import TASK_ORCHESTRATOR_SERVICE, TASK_PROCESSING, TASK_WITH_AUDIT
from shared.shop.views import TaskAccepted, TaskRetried, TaskView

WAIT_SECONDS: Final = 180.0
ENDS: Final = frozenset({"completed", "audited", "failed"})

TaskArgument = Annotated[str, typer.Argument(help="A task's id.")]

commands = typer.Typer(cls=FriendlyGroup, no_args_is_help=True, help="Submit and follow pick-and-pack tasks.")


class TaskClient(ShopClient):
    """A client of the task-orchestrator-service."""

    def submit(self, body: dict[str, object], key: str) -> str:
        """Submit a task, and give its id."""
        return read(TaskAccepted, self.call("POST", "/tasks", json.dumps(body), {"Idempotency-Key": key})).task_id

    def task(self, task_id: str) -> TaskView:
        """The task with its steps."""
        return read(TaskView, self.call("GET", f"/tasks/{quote(task_id, safe='')}"))

    def retry(self, task_id: str) -> TaskRetried:
        """Begin a failed task anew."""
        return read(TaskRetried, self.call("POST", f"/tasks/{quote(task_id, safe='')}/retry"))

    def tasks(self, status: str | None, limit: int) -> list[TaskView]:
        """The newest tasks."""
        return self.newest(TaskView, "/tasks", status, limit)

    def end_of(self, task_id: str, timeout_seconds: float) -> TaskView:
        """The task once it has ended; an outage of the service in between is waited out.

        Raises:
            StackError: the time is over.
        """
        return wait_until(
            lambda: self.task(task_id),
            lambda task: task.status in ENDS,
            timeout_seconds,
            lambda now: f"task {task_id} has not ended after {timeout_seconds:.0f} s ({now})",
        )


@commands.command()
def retry(task_id: TaskArgument, *, as_json: JsonOption = False) -> None:
    """Begin a failed task anew; what it has done isn't done twice."""
    retried = _client().retry(task_id)
    say(
        shown_as_json(retried)
        if as_json
        else f"{task_id} is {retried.status}; `shop task show --follow {task_id}` shows it"
    )


@commands.command()
def submit(  # noqa: PLR0913 - one option per thing that a task has
    *,
    sku: Annotated[list[str] | None, typer.Option(help="What to pack; repeatable.")] = None,
    quantity: Annotated[list[int] | None, typer.Option(min=1, help="How many; one for each --sku, or for all.")] = None,
    order: Annotated[str | None, typer.Option(help="The order that it is for; it has one task at a time.")] = None,
    email: Annotated[str, typer.Option(help="Who is notified by e-mail.")] = "ada@example.com",
    total_cents: Annotated[int, typer.Option(min=1, help="What it is worth, in minor units.")] = 4200,
    currency: Annotated[str, typer.Option(help="Of the worth, as three letters.")] = "EUR",
    country: Annotated[str, typer.Option(help="Where the parcel goes, as two letters.")] = HOME,
    audit: Annotated[
        bool, typer.Option("--audit", help="Put it on the compliance record instead of packing it.")
    ] = False,
    fault: Annotated[list[str] | None, typer.Option(help=f"In demo mode: {FORM}; repeatable.")] = None,
    key: Annotated[str | None, typer.Option(help="The Idempotency-Key, to repeat a task safely.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return when the task has ended.")] = True,
    as_json: JsonOption = False,
) -> None:
    """Submit a task and show what became of it."""
    faults = [parse_fault(spec).model_dump(mode="json") for spec in fault or ()]
    if not sku:
        raise OrderUsageError("say what to pack: --sku DSK-CALENDAR")
    body: dict[str, object] = {
        "workflow": TASK_WITH_AUDIT if audit else TASK_PROCESSING,
        "customer": {"email": email, "user_id": email.partition("@")[0] or email},
        "lines": [{"sku": name, "quantity": amount} for name, amount in pair_lines(sku, quantity or [], None)],
        "total_cents": total_cents,
        "currency": currency,
        "country": country,
        **({"order_id": order} if order else {}),
        **({"faults": faults} if faults else {}),
    }
    client = _client()
    task_id = client.submit(body, key or str(uuid.uuid4()))
    if not wait:
        accepted = f"{task_id} accepted; `shop task show --follow {task_id}` shows it"
        say(shown_as_json(TaskAccepted(task_id=task_id)) if as_json else accepted)
        return
    _print(client.end_of(task_id, WAIT_SECONDS), as_json=as_json)


@commands.command()
def show(
    task_id: TaskArgument,
    *,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Return when the task has ended.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show a task's steps."""
    client = _client()
    _print(client.end_of(task_id, WAIT_SECONDS) if follow else client.task(task_id), as_json=as_json)


@commands.command("list")
def list_tasks(
    *,
    status: Annotated[str | None, typer.Option(help="Only those, such as failed.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many of the newest.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List the newest tasks."""
    found = _client().tasks(status, limit)
    if as_json:
        say(shown_as_json(found))
        return
    shown = table("task", "status", "accepted UTC", "assignee", id_width=len("task-ord-") + 32)
    for task in found:
        shown.add_row(task.task_id, coloured(task.status), f"{task.accepted_at:%H:%M:%S}", escape(task.assignee or "-"))
    Console().print(shown)


def _print(task: TaskView, *, as_json: bool) -> None:
    if as_json:
        say(shown_as_json(task))
        return
    ended = task.ended_at
    after = f" after {milliseconds_between(task.accepted_at, ended)} ms" if ended else ""
    facts = [f"{task.assignee}, {task.lane} lane"] if task.assignee else []
    facts += [f"fraud score {task.fraud_score:.2f}"] if task.fraud_score is not None else []
    facts += [f"audit {task.audit_id}"] if task.audit_id else []
    shown = f" ({escape(', '.join(facts))})" if facts else ""
    reason = f"\n{escape(task.reason)}" if task.reason else ""
    headline = f"{task.task_id}  {coloured(task.status)}{after}{shown}{reason}"
    Console().print(Group(headline, *steps_shown(task.accepted_at, task.steps)))


def _client() -> TaskClient:
    return TaskClient(service_url(TASK_ORCHESTRATOR_SERVICE))
