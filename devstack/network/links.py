"""What joins the hosts of a stack, and lets one be cut off from the others."""

from typing import Protocol

from devstack.errors import StackError
from devstack.network.namespaces import NamespaceLinks, plan_namespaces
from devstack.settings import NetworkKind, StackSettings
from devstack.topology.hosts import ONE_HOST, Host, Network
from devstack.topology.specs import Topology


class Links(Protocol):
    """The cables between the hosts."""

    async def join(self) -> None:
        """Make the hosts and connect them."""

    async def part(self) -> None:
        """Remove them."""

    async def cut(self, host: Host) -> None:
        """Nothing passes between this host and the others any more."""

    async def heal(self, host: Host) -> None:
        """It passes again."""


class NoLinks:
    """One host: there is nothing to connect."""

    async def join(self) -> None:
        """Nothing is made."""

    async def part(self) -> None:
        """Nothing is removed."""

    async def cut(self, host: Host) -> None:
        """Raise, for a process can't be cut off from itself."""
        raise StackError(f"{host.name} is the only host")

    async def heal(self, host: Host) -> None:
        """Nothing was cut."""


def plan_network(settings: StackSettings, app_ids: tuple[str, ...] | None = None) -> Network:
    """The hosts that these settings ask for, by default one for each app of the first group; nothing is made yet."""
    if settings.network is NetworkKind.NAMESPACES:
        registry = settings.registry
        return plan_namespaces(settings.home, app_ids or registry.of_group(registry.groups[0]))
    return ONE_HOST


def links_of(topology: Topology, settings: StackSettings) -> Links:
    """What joins the hosts of this topology."""
    if settings.network is NetworkKind.NAMESPACES:
        return NamespaceLinks(topology.network, settings.home)
    return NoLinks()
