"""Where a process lives, and at which address it is reached: plain data that the topology is built from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Interface
from types import MappingProxyType

from devstack.errors import UnknownHostError, unknown_name
from devstack.topology.ports import LOOPBACK

MAIN = "main"


@dataclass(frozen=True)
class Host:
    """Where processes live: they listen at `listen`, others reach them at `address`, the prefix runs commands there."""

    name: str
    listen: str = LOOPBACK
    address: str = LOOPBACK
    command_prefix: tuple[str, ...] = ()

    def url(self, port: int) -> str:
        """Where the supervisor and people reach a port of this host."""
        return f"http://{self.listen}:{port}"

    def peer_url(self, port: int) -> str:
        """Where other hosts reach it."""
        return f"http://{self.address}:{port}"


@dataclass(frozen=True)
class Network:
    """The hosts of a stack. What isn't an app lives on the main host, as do apps without a host of their own."""

    main: Host = field(default_factory=lambda: Host(MAIN))
    apps: Mapping[str, Host] = field(default_factory=lambda: MappingProxyType({}))
    # The main host's address with the network that the others are in, when that is a network of its own.
    bridge: IPv4Interface | None = None

    def host_of(self, app_id: str) -> Host:
        """Where an app and its sidecar live."""
        return self.apps.get(app_id, self.main)

    @property
    def hosts(self) -> tuple[Host, ...]:
        """The hosts that can be cut off from one another; none when all processes share one."""
        return (self.main, *self.apps.values()) if self.apps else ()

    def host(self, name: str) -> Host:
        """The host of this name; an unknown one is an error that names the nearest."""
        for host in self.hosts:
            if host.name == name:
                return host
        if not self.hosts:
            raise UnknownHostError(
                "all processes of this stack share one host, so that nothing can be cut off; "
                "start it with SHOP_NETWORK=namespaces, as root"
            )
        raise UnknownHostError(unknown_name(name, [host.name for host in self.hosts], "host"))


ONE_HOST = Network()
