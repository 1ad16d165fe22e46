"""Hosts of their own, and partitions between them: each app with its sidecar in a network namespace, if asked for.

    main host ── shop<token> ═ main ┐
    payment-service ─── eth0 ═ p1   ├ bridge, in the namespace shop-<token>-switch
    order-service ───── eth0 ═ p0   ┘

The switch stands in a namespace of its own, so that no firewall rule of this machine for forwarded traffic (Docker
sets one that drops it) lies between two hosts. To cut a host off, its plug is pulled from the bridge: the link stays up
and nothing arrives any more, in either direction, as when a switch dies. Needs root, iproute2 and util-linux.
"""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
from hashlib import sha256
from ipaddress import IPv4Interface, IPv4Network, ip_network
from pathlib import Path
from random import Random

from devstack.errors import NetworkError
from devstack.settings import NetworkKind, StackSettings
from devstack.topology.specs import MAIN, ONE_HOST, Host, Network

PRIVATE = (IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16"))
PREFIX_LENGTH = 24
TRIES_PER_RANGE = 64

NAMED_NAMESPACES = Path("/run/netns")
INTERFACES = Path("/sys/class/net")
BRIDGE = "bridge"
FIRST_APP_ADDRESS = 11
# A sidecar doesn't ping placement, which drops a silent one after 5 s. Without this the sidecar learns of it after the
# kernel's default of two hours, and until then no call reaches its app.
# Works around `half-open-placement` (docs/upstream.md).
KEEPALIVE_SETTINGS = tuple(f"/proc/sys/net/ipv4/tcp_keepalive_{name}" for name in ("time", "intvl", "probes"))
KEEPALIVE_SECONDS = 3
# The programs that are needed, and the packages that bring them.
TOOLS = {"ip": "iproute2", "nsenter": "util-linux"}
CALL_TIMEOUT_SECONDS = 10.0


def free_subnet(routes: str, token: str) -> IPv4Network:
    """A /24 of the private ranges outside all these routes (`ip -json route`); the same token tends to the same one.

    Two stacks that start at once see the same routes, so each begins its search at a place of its own.

    Raises:
        NetworkError: every private range is routed somewhere.
    """
    taken = _networks(routes)
    random = Random(token)  # noqa: S311 - a place to begin, no secret
    for private in PRIVATE:
        for _ in range(TRIES_PER_RANGE):
            offset = random.randrange(2 ** (PREFIX_LENGTH - private.prefixlen)) << (32 - PREFIX_LENGTH)
            candidate = IPv4Network((int(private.network_address) + offset, PREFIX_LENGTH))
            if not any(candidate.overlaps(network) for network in taken):
                return candidate
    raise NetworkError("every private network is in use by a route of this machine; free one, or unset SHOP_NETWORK")


def _networks(routes: str) -> list[IPv4Network]:
    found = []
    for route in json.loads(routes or "[]"):
        try:
            network = ip_network(route["dst"], strict=False)
        except ValueError:
            continue  # "default", which covers everything and collides with nothing
        if isinstance(network, IPv4Network) and network.prefixlen > 0:
            found.append(network)
    return found


def token_of(home: Path) -> str:
    """What tells one stack's namespaces from another's: a stack is known by its state folder."""
    return sha256(str(home.resolve()).encode()).hexdigest()[:8]


def missing_for_namespaces(home: Path) -> str | None:
    """What this machine lacks for hosts as namespaces, in words, or None; makes one and removes it to know."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    absent = [f"{tool} ({package})" for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if absent:
        return f"not installed: {', '.join(absent)}"
    probe = f"{_prefix(home)}probe-{os.getpid()}"
    try:
        _ip("netns", "add", probe)
        try:
            _ip("-n", probe, "link", "add", BRIDGE, "type", "bridge")
        finally:
            _ip("netns", "del", probe)
    except NetworkError as error:
        return f"this machine allows no network namespaces: {error}"
    return None


def plan_network(settings: StackSettings, app_ids: tuple[str, ...] | None = None) -> Network:
    """The hosts that these settings ask for, by default one for each app of the first group; nothing is made yet.

    Hosts of their own are on a private network that collides with no route of this machine.

    Raises:
        NetworkError: the machine doesn't allow it, or every private network is in use.
    """
    if settings.network is not NetworkKind.NAMESPACES:
        return ONE_HOST
    home, registry = settings.home, settings.registry
    missing = missing_for_namespaces(home)
    if missing is not None:
        raise NetworkError(f"SHOP_NETWORK=namespaces can't be had: {missing}; without it all processes share one host")
    subnet = free_subnet(_ip("-json", "route", "show", "table", "all"), token_of(home))
    main = IPv4Interface(f"{subnet[1]}/{subnet.prefixlen}")
    apps = {}
    for index, app_id in enumerate(app_ids or registry.of_group(registry.groups[0])):
        address = str(subnet[FIRST_APP_ADDRESS + index])
        enter = ("nsenter", f"--net={NAMED_NAMESPACES / (_prefix(home) + app_id)}", "--")
        apps[app_id] = Host(app_id, address, address, enter)
    return Network(Host(MAIN, str(main.ip), str(main.ip)), apps, main)


def remove_namespaces(home: Path) -> list[str]:
    """Remove what a stack of this state folder made, whoever made it; returns the names of its namespaces.

    Its processes must have ended: the kernel keeps a namespace as long as one lives in it.
    """
    removed = []
    for path in sorted(NAMED_NAMESPACES.glob(f"{_prefix(home)}*")):
        with contextlib.suppress(NetworkError):
            _ip("netns", "del", path.name)
            removed.append(path.name)
    interface = _interface(home)
    if (INTERFACES / interface).exists():
        # The kernel removes it with the switch, but some time after.
        with contextlib.suppress(NetworkError):
            _ip("link", "del", interface)
    return removed


class Links:
    """The links between the hosts of one stack; where all processes share one host, there is nothing to connect."""

    def __init__(self, network: Network, home: Path) -> None:
        self._network = network
        self._home = home
        self._switch = f"{_prefix(home)}switch"

    async def join(self) -> None:
        """Make the hosts and plug them in."""
        if not self._network.hosts:
            return
        try:
            await asyncio.to_thread(self._make)
        except NetworkError:
            await self.part()
            raise

    async def part(self) -> None:
        """Remove the hosts."""
        if self._network.hosts:
            await asyncio.to_thread(remove_namespaces, self._home)

    async def cut(self, host: Host) -> None:
        """Nothing passes between this host and the others any more; connections hang, and none is refused."""
        await asyncio.to_thread(_ip, "-n", self._switch, "link", "set", self._plug(host), "nomaster")

    async def heal(self, host: Host) -> None:
        """Plug it in again."""
        await asyncio.to_thread(_ip, "-n", self._switch, "link", "set", self._plug(host), "master", BRIDGE)

    def _make(self) -> None:
        remove_namespaces(self._home)
        _ip("netns", "add", self._switch)
        _ip("-n", self._switch, "link", "add", BRIDGE, "type", "bridge")
        _ip("-n", self._switch, "link", "set", BRIDGE, "up")
        interface, main = _interface(self._home), self._network.main
        _ip("link", "add", interface, "type", "veth", "peer", "name", self._plug(main), "netns", self._switch)
        _ip("address", "add", str(self._network.bridge), "dev", interface)
        _ip("link", "set", interface, "up")
        self._plug_in(main)
        for host in self._network.apps.values():
            self._make_host(host)

    def _make_host(self, host: Host) -> None:
        name = _prefix(self._home) + host.name
        _ip("netns", "add", name)
        plugged = ("type", "veth", "peer", "name", self._plug(host), "netns", self._switch)
        _ip("link", "add", "eth0", "netns", name, *plugged)
        _ip("-n", name, "address", "add", f"{host.address}/{self._prefix_length}", "dev", "eth0")
        # A host reaches its own address by its loopback interface.
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "link", "set", "eth0", "up")
        _run(*host.command_prefix, "sh", "-c", f"echo {KEEPALIVE_SECONDS} | tee {' '.join(KEEPALIVE_SETTINGS)}")
        self._plug_in(host)

    def _plug_in(self, host: Host) -> None:
        _ip("-n", self._switch, "link", "set", self._plug(host), "master", BRIDGE, "up")

    def _plug(self, host: Host) -> str:
        return MAIN if host is self._network.main else f"p{list(self._network.apps).index(host.name)}"

    @property
    def _prefix_length(self) -> int:
        return self._network.bridge.network.prefixlen if self._network.bridge is not None else 32


def _prefix(home: Path) -> str:
    return f"shop-{token_of(home)}-"


def _interface(home: Path) -> str:
    # The kernel cuts names at 15 characters.
    return f"shop{token_of(home)}"


def _ip(*arguments: str) -> str:
    return _run("ip", *arguments)


def _run(*command: str) -> str:
    """Run a command; its output.

    Raises:
        NetworkError: with what it said.
    """
    try:
        finished = subprocess.run(  # noqa: S603 - our own arguments
            command, capture_output=True, text=True, check=False, timeout=CALL_TIMEOUT_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NetworkError(f"`{' '.join(command)}`: {error}") from None
    if finished.returncode != 0:
        raise NetworkError(f"`{' '.join(command)}`: {finished.stderr.strip() or finished.returncode}")
    return finished.stdout
