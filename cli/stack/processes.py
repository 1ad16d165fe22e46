"""`shop start|stop|kill|restart NAME`: one process of the running stack; `shop partition|heal HOST`: its network."""

from typing import Annotated

import typer

from cli.output import say
from devstack.settings import load_settings
from devstack.supervisor.client import StackClient

NameArgument = Annotated[str, typer.Argument(help="A process, as `shop status` lists it.")]
WAIT_SECONDS = 120.0


def start(name: NameArgument) -> None:
    """Start a stopped process and wait until it is ready."""
    client = _client()
    client.start(name)
    _wait(client, name)


def stop(name: NameArgument) -> None:
    """Stop a process politely; it stays stopped."""
    _client().stop(name)
    say(f"{name} stopped")


def kill(
    name: NameArgument,
    *,
    hold: Annotated[bool, typer.Option("--hold", help="Keep it dead until `shop start`.")] = False,
) -> None:
    """Kill a process with SIGKILL; the supervisor brings it back unless it is held."""
    client = _client()
    if hold:
        client.hold(name)
        say(f"{name} killed; it stays dead until `shop start {name}`")
        return
    client.kill(name)
    say(f"{name} killed")
    _wait(client, name)


def restart(name: NameArgument) -> None:
    """Stop a process politely, start it, and wait until it is ready."""
    client = _client()
    client.restart(name)
    _wait(client, name)


HostArgument = Annotated[str, typer.Argument(help="A host: `main` (database, gateway, Dapr) or an app's name.")]


def partition(host: HostArgument) -> None:
    """Cut a host off from the others; needs a stack started with SHOP_NETWORK=namespaces."""
    _client().partition(host)
    say(f"{host} is cut off from the others until `shop heal {host}`")


def heal(host: HostArgument) -> None:
    """Join a host to the others again."""
    _client().heal(host)
    say(f"{host} is joined to the others again")


def _client() -> StackClient:
    return StackClient(load_settings().home)


def _wait(client: StackClient, name: str) -> None:
    client.wait_ready(name, timeout_seconds=WAIT_SECONDS)
    say(f"{name} ready")
