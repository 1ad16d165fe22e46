"""What the stack of a test, a benchmark or a chaos run has from its caller: everything but the caller's own servers."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from devstack.programs.build import ensure_runtime
from devstack.programs.go_build import Report
from devstack.settings import StackSettings, load_settings, port_block_size
from devstack.topology.addresses import free_block

_SERVERS: Final = ("database_url", "nats_url", "smtp_url", "push_webhook_url", "push_webhook_secret")


def own_settings(**overrides: Any) -> StackSettings:  # noqa: ANN401 - pydantic checks each value
    """The caller's settings with these changed; database, broker and mailbox are the stack's own.

    Raises:
        SettingsError: they can't be used.
    """
    return load_settings(**{**dict.fromkeys(_SERVERS), **overrides})


def fresh_settings(home: Path, notify: Report, **overrides: Any) -> StackSettings:  # noqa: ANN401 - as above
    """As `own_settings`, for a stack in this folder, on free ports, with the caller's Dapr runtime.

    Raises:
        RuntimeMissingError: there is none, and it can't be built; `notify` receives the progress.
    """
    own = own_settings()
    base, runtime = free_block(port_block_size(own.registry) + 1), ensure_runtime(own, notify)
    ports = {"api_port": base, "base_port": base + 1}
    return own_settings(home=home, dapr_bin_dir=runtime.folder, **ports, **overrides)


def own_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment with these variables, and without any that leads to a server of the caller's."""
    foreign = {StackSettings.model_fields[name].validation_alias for name in _SERVERS}
    return {**{name: value for name, value in os.environ.items() if name not in foreign}, **variables}
