"""The hosts' promises: the default is one host, and several have addresses that collide with nothing."""

import json
from ipaddress import IPv4Interface, IPv4Network
from pathlib import Path

import pytest

from devstack.errors import NetworkError, SettingsError, UnknownHostError
from devstack.network import PRIVATE, free_subnet, token_of
from devstack.postgres.passwords import password_names
from devstack.settings import NetworkKind, load_settings
from devstack.topology.specs import MAIN, ONE_HOST, Host, Network, Topology
from devstack.topology.topology import build_topology
from shared.shop.registry import CORE_APPS, SHOP

pytestmark = pytest.mark.unit

PASSWORDS = {name: f"secret-{index:02}" for index, name in enumerate(password_names(SHOP))}
MAIN_ADDRESS = "10.1.2.1"


def two_hosts() -> Network:
    payment = Host("payment-service", "10.1.2.11", "10.1.2.11", ("enter", "payment"))
    main = Host(MAIN, MAIN_ADDRESS, MAIN_ADDRESS)
    return Network(main, {"payment-service": payment}, IPv4Interface(f"{MAIN_ADDRESS}/24"))


def a_topology(tmp_path: Path, network: Network) -> Topology:
    return build_topology(load_settings(home=tmp_path), PASSWORDS, Path("/dapr"), network)


def test_everything_is_on_loopback_by_default(tmp_path: Path) -> None:
    """No process of the default stack can be reached from elsewhere."""
    for spec in a_topology(tmp_path, ONE_HOST).processes:
        assert () == spec.host.command_prefix
        assert "127.0.0.1" == spec.host.listen == spec.host.address
    assert NetworkKind.LOOPBACK == load_settings(home=tmp_path).network


def test_an_app_and_its_sidecar_live_on_the_apps_host(tmp_path: Path) -> None:
    """They listen there, and reach what is on the main host by its address."""
    topology = a_topology(tmp_path, two_hosts())
    service, sidecar = topology.process("payment-service"), topology.process("payment-service-daprd")

    assert ("enter", "payment") == service.command_at(0)[:2] == sidecar.command_at(0)[:2]
    assert "10.1.2.11" == service.env["SERVICE_HTTP_HOST"] == service.env["DAPR_HOST"] == sidecar.env["DAPR_HOST_IP"]
    assert service.env["PAYMENT_GATEWAY_URL"].startswith(f"http://{MAIN_ADDRESS}:")
    assert f"@{MAIN_ADDRESS}:" in service.env["SERVICE_DATABASE_URL"]
    assert f"@{MAIN_ADDRESS}:" in sidecar.env["STATESTORE_CONNECTION_STRING"]
    assert any(part.startswith(f"--scheduler-host-address={MAIN_ADDRESS}:") for part in sidecar.command)
    assert "--dapr-internal-grpc-listen-address=10.1.2.11" in sidecar.command


def test_what_is_shared_stays_on_the_main_host(tmp_path: Path) -> None:
    """Postgres lets in the stack's own network and no other."""
    topology = a_topology(tmp_path, two_hosts())

    for name in ("postgres", "placement", "scheduler", "payment-gateway", "order-service"):
        assert MAIN == topology.process(name).host.name
    assert ("--bridge", "10.1.2.1/24") == topology.process("postgres").command[-2:]
    assert f"--override-broadcast-host-port={MAIN_ADDRESS}:21006" in topology.process("scheduler").command


def test_only_ports_of_this_machine_have_to_be_free(tmp_path: Path) -> None:
    """On a host that is made for the stack nobody else listens."""
    topology = a_topology(tmp_path, two_hosts())
    own = {
        claim.number for name in ("payment-service", "payment-service-daprd") for claim in topology.process(name).ports
    }

    assert own == {claim.number for claim in topology.ports} - {claim.number for claim in topology.main_ports}


def test_an_unknown_host_gets_the_nearest_one() -> None:
    """As a process does."""
    with pytest.raises(UnknownHostError, match="no host 'payment'; did you mean payment-service"):
        two_hosts().host("payment")


def test_a_subnet_avoids_every_route() -> None:
    """A VPN that takes all of 10/8 leaves the other private ranges."""
    routes = json.dumps([{"dst": "default"}, {"dst": "10.0.0.0/8"}, {"dst": "172.17.0.0/16"}, {"dst": "fe80::/64"}])

    subnet = free_subnet(routes, "a token")

    assert 24 == subnet.prefixlen
    assert subnet.subnet_of(PRIVATE[1])
    assert not subnet.overlaps(IPv4Network("172.17.0.0/16"))
    assert subnet == free_subnet(routes, "a token")
    assert subnet != free_subnet(routes, "another token")


def test_without_a_free_subnet_the_way_out_is_named() -> None:
    """There is one that needs no private network."""
    routes = json.dumps([{"dst": str(network)} for network in PRIVATE])

    with pytest.raises(NetworkError, match="unset SHOP_NETWORK"):
        free_subnet(routes, "a token")


def test_two_state_folders_have_namespaces_of_their_own(tmp_path: Path) -> None:
    """And names that fit into the 15 characters of an interface."""
    assert token_of(tmp_path / "a") != token_of(tmp_path / "b")
    assert len("shop" + token_of(tmp_path)) <= 15


def test_hosts_need_the_embedded_database(tmp_path: Path) -> None:
    """A server elsewhere can't be reached from hosts that have no way out."""
    with pytest.raises(SettingsError, match="unset DATABASE_URL"):
        load_settings(home=tmp_path, network="namespaces", database_url="postgresql://a:b@db/shop")


def test_every_app_can_have_a_host(tmp_path: Path) -> None:
    """The order-service finds inventory at its host's address."""
    apps = {
        app_id: Host(app_id, f"10.1.2.{11 + index}", f"10.1.2.{11 + index}") for index, app_id in enumerate(CORE_APPS)
    }
    topology = a_topology(tmp_path, Network(two_hosts().main, apps))

    inventory = topology.process("inventory-service")
    assert topology.process("order-service").env["INVENTORY_URL"] == inventory.url
    assert inventory.url == f"http://{apps['inventory-service'].address}:{inventory.ports[0].number}"
