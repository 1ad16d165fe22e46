"""The names and ports of the stack's processes."""

from dataclasses import dataclass

from devstack.settings import FIRST_APP_OFFSET, PORTS_PER_APP, StackSettings

POSTGRES = "postgres"
PLACEMENT = "placement"
SCHEDULER = "scheduler"
BROKER = "broker"
STREAMS = "streams"
MAILBOX = "mailbox"
AUDIT_SCHEMA = "audit-schema"

# Offsets from SHOP_BASE_PORT; written once, so that adding a process moves no other.
CONTROL_OFFSET = 0
PLACEMENT_OFFSET = 2
SCHEDULER_OFFSET = 6
GATEWAY_OFFSET = 11
BROKER_OFFSET = 12
MAILBOX_OFFSET = 14
# The documents, while a dev loop shows them.
DOCS_OFFSET = 16


@dataclass(frozen=True)
class AppPorts:
    """The ports of one Dapr app: its own HTTP port and its sidecar's."""

    http: int
    dapr_http: int
    dapr_grpc: int
    dapr_metrics: int
    # The sidecar takes the next of these at each start.
    dapr_internal: tuple[int, ...]


def app_ports(settings: StackSettings, app_id: str) -> AppPorts:
    """The ports of an app; the first of the registry is the front door and has the API port."""
    place = settings.registry.app_ids.index(app_id)
    first = settings.base_port + FIRST_APP_OFFSET + PORTS_PER_APP * place
    http = first if place else settings.api_port
    return AppPorts(http, first + 1, first + 2, first + 3, tuple(range(first + 4, first + PORTS_PER_APP)))


def port_at(settings: StackSettings, offset: int) -> int:
    """The port at an offset from SHOP_BASE_PORT."""
    return settings.base_port + offset


def sidecar_of(app_id: str) -> str:
    """The name of an app's sidecar process."""
    return f"{app_id}-daprd"
