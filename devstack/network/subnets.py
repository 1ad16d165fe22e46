"""Finds a private network that no route of this machine covers."""

import json
from ipaddress import IPv4Network, ip_network
from random import Random

from devstack.errors import NetworkError

PRIVATE = (IPv4Network("10.0.0.0/8"), IPv4Network("172.16.0.0/12"), IPv4Network("192.168.0.0/16"))
PREFIX_LENGTH = 24
TRIES_PER_RANGE = 64


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
