"""The one description of the local stack: which processes, on which ports, in which order, ready when."""

from collections.abc import Sequence
from pathlib import Path

from devstack.postgres.passwords import Passwords
from devstack.programs.build import BROKER_PROGRAM, broker_cache
from devstack.settings import StackSettings
from devstack.topology.addresses import Offset, PortClaim, port_at
from devstack.topology.infrastructure import broker, placement, scheduler, sidecar
from devstack.topology.layout import database_layout
from devstack.topology.shop import audit_schema, database, gateway, mailbox, service
from devstack.topology.specs import ONE_HOST, Network, Topology
from shared.shop.audit import AUDIT_SERVICE
from shared.shop.gateway import PAYMENT_GATEWAY
from shared.shop.notification import NOTIFICATION_SERVICE


def build_topology(  # noqa: PLR0913 - all that one stack differs in from another
    settings: StackSettings,
    passwords: Passwords,
    dapr_binaries: Path,
    network: Network = ONE_HOST,
    nats_server: Path | None = None,
    *,
    apps: Sequence[str] | None = None,
) -> Topology:
    """Describe the whole stack; pure: nothing is looked up, made or started here.

    `nats_server` is where the broker's program is; by default where it is when it was built. `apps` are those
    that are started with their sidecars, by default all of the registry; none, where somebody else starts them.
    """
    apps = settings.registry.app_ids if apps is None else apps
    layout = database_layout(settings, passwords, network.main.address)
    registry, main = settings.registry, network.main
    processes = [
        *database(settings, layout, network),
        placement(settings, dapr_binaries, main),
        scheduler(settings, dapr_binaries, main, has_sidecars=bool(apps)),
    ]
    if registry.find(PAYMENT_GATEWAY):
        processes.append(gateway(settings, layout, main))
    if registry.find(NOTIFICATION_SERVICE):
        processes.append(mailbox(settings, passwords, main))
    if registry.event_apps:
        processes += broker(settings, passwords, nats_server or broker_cache(settings) / BROKER_PROGRAM, main)
    if registry.find(AUDIT_SERVICE):
        processes.append(audit_schema(layout, main))
    for app_id in apps:
        processes += [
            service(settings, layout, network, app_id),
            sidecar(settings, layout, network, dapr_binaries, app_id),
        ]
    control = PortClaim(port_at(settings, Offset.CONTROL), "the stack's supervisor")
    return Topology(tuple(processes), control, network)
