"""`shop build`."""

from typing import Annotated

import typer

from cli.output import say
from devstack.build import ensure_broker, ensure_runtime, ensure_tilt
from devstack.settings import load_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(build)


def build(*, tilt: Annotated[bool, typer.Option("--tilt", help="Tilt, too, without its page.")] = False) -> None:
    """Build the Dapr runtime and the broker, unless they are here."""
    settings = load_settings()
    runtime = ensure_runtime(settings, say)
    say(f"Dapr {runtime.version} in {runtime.folder} ({runtime.source})")
    if settings.nats_url is None:
        say(f"the broker: {ensure_broker(settings, say)}")
    if tilt:
        say(f"Tilt: {ensure_tilt(settings, say)}")
