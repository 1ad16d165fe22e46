"""The parts of the stack that can be started alone: `shop up --only GROUP`."""

from collections.abc import Iterable

from devstack.errors import UnknownProcessError, unknown_name
from shared.contracts.app import Registry


def check_groups(registry: Registry, groups: Iterable[str]) -> None:
    """Raises UnknownProcessError for a group that there is none of; it names the nearest."""
    for group in groups:
        if group not in registry.groups:
            raise UnknownProcessError(unknown_name(group, registry.groups, "group of processes"))
