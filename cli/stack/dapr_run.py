"""`shop dapr-run-file`, `shop dapr-env`: for users of the Dapr CLI (docs/dapr-run.md)."""

import shlex

import typer

from cli.output import say
from devstack.programs.build import ensure_runtime
from devstack.settings import load_settings


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("dapr-run-file")(dapr_run_file)
    app.command("dapr-env")(dapr_env)


def dapr_run_file() -> None:
    """Print the multi-app run file that belongs to the settings."""
    from devstack.dapr_cli.run_file import run_file  # noqa: PLC0415 - see `shop up`
    from devstack.supervisor.stack import planned_topology  # noqa: PLC0415

    typer.echo(run_file(planned_topology(load_settings())), nl=False)


def dapr_env() -> None:
    """Print what `dapr run` needs in its environment, for `eval`; it holds passwords."""
    from devstack.dapr_cli.run_file import cli_folder, sidecar_environment  # noqa: PLC0415 - see `shop up`
    from devstack.supervisor.stack import planned_topology  # noqa: PLC0415

    settings = load_settings()
    runtime = ensure_runtime(settings, lambda line: typer.echo(line, err=True))
    variables = {
        **sidecar_environment(planned_topology(settings)),
        "DAPR_RUNTIME_PATH": str(cli_folder(settings.home, runtime)),
        **{name: value for name, value in settings.environment().items() if name.startswith("SHOP_")},
    }
    for name, value in variables.items():
        say(f"export {name}={shlex.quote(value)}")
