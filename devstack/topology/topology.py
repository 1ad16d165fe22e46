"""The one description of the local stack: which processes, on which ports, in which order, ready when."""

from collections.abc import Sequence
from pathlib import Path

from devstack.postgres.passwords import Passwords
from devstack.programs.broker import PROGRAM, broker_cache
from devstack.settings import StackSettings
from devstack.topology.addresses import CONTROL_OFFSET
from devstack.topology.broker import broker
from devstack.topology.dapr import placement, scheduler, sidecar
from devstack.topology.hosts import ONE_HOST, Network
from devstack.topology.layout import database_layout
from devstack.topology.mail import mailbox
from devstack.topology.ports import PortClaim
from devstack.topology.shop import audit_schema, database, gateway, service
from devstack.topology.specs import Topology
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
        processes += broker(settings, passwords, nats_server or broker_cache(settings) / PROGRAM, main)
    if registry.find(AUDIT_SERVICE):
        processes.append(audit_schema(layout, main))
    for app_id in apps:
        processes += [
            service(settings, layout, network, app_id),
            sidecar(settings, layout, network, dapr_binaries, app_id),
        ]
    control = PortClaim(settings.base_port + CONTROL_OFFSET, "the stack's supervisor")
    return Topology(tuple(processes), control, network)
