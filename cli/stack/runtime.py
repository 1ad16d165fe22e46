"""`shop build`."""

import typer

from cli.output import say
from devstack.programs.build import ensure_broker, ensure_runtime
from devstack.settings import load_settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(build)


def build() -> None:
    """Build the Dapr runtime and the broker, unless they are here."""
    settings = load_settings()
    runtime = ensure_runtime(settings, say)
    say(f"Dapr {runtime.version} in {runtime.folder} ({runtime.source})")
    if settings.nats_url is None:
        say(f"the broker: {ensure_broker(settings, say)}")
