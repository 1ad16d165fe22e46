"""What the stack of a test, a benchmark or a chaos run has from its caller: everything but the caller's own servers."""

import os
from collections.abc import Mapping
from typing import Any, Final

from devstack.settings import StackSettings, load_settings

_SERVERS: Final = ("database_url", "nats_url", "smtp_url", "push_webhook_url", "push_webhook_secret")


def own_settings(**overrides: Any) -> StackSettings:  # noqa: ANN401 - pydantic checks each value
    """The caller's settings with these changed; database, broker and mailbox are the stack's own.

    Raises:
        SettingsError: they can't be used.
    """
    return load_settings(**{**dict.fromkeys(_SERVERS), **overrides})


def own_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """The caller's environment with these variables, and without any that leads to a server of the caller's."""
    foreign = {StackSettings.model_fields[name].validation_alias for name in _SERVERS}
    return {**{name: value for name, value in os.environ.items() if name not in foreign}, **variables}
