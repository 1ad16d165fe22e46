"""The names and ports of the stack's processes."""

from dataclasses import dataclass

from devstack.settings import StackSettings

ORDER = "order-service"
PAYMENT = "payment-service"
INVENTORY = "inventory-service"
SHIPPING = "shipping-service"
NOTIFICATION = "notification-service"
ML_INFERENCE = "ml-inference-service"
AUDIT = "audit-service"
TASK_ORCHESTRATOR = "task-orchestrator-service"
EVENT_RELAY = "event-relay"
CORE_APPS = (ORDER, PAYMENT, INVENTORY, SHIPPING)
TASK_APPS = (NOTIFICATION, ML_INFERENCE, AUDIT, TASK_ORCHESTRATOR)
# Every app has its place in the block of ports; a new one comes last.
APPS = (*CORE_APPS, *TASK_APPS, EVENT_RELAY)
GATEWAY = "payment-gateway"
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
FIRST_APP_OFFSET = 20
PORTS_PER_APP = 20


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
    """The ports of an app; the order service is the shop's front door and has the API port."""
    first = settings.base_port + FIRST_APP_OFFSET + PORTS_PER_APP * APPS.index(app_id)
    http = settings.api_port if app_id == ORDER else first
    return AppPorts(http, first + 1, first + 2, first + 3, tuple(range(first + 4, first + PORTS_PER_APP)))


def port_at(settings: StackSettings, offset: int) -> int:
    """The port at an offset from SHOP_BASE_PORT."""
    return settings.base_port + offset


def sidecar_of(app_id: str) -> str:
    """The name of an app's sidecar process."""
    return f"{app_id}-daprd"


def folder_of(app_id: str) -> str:
    """The package, schema and role name that belong to an app id."""
    return app_id.replace("-", "_")
