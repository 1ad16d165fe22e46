"""The registry of the shop: its apps, in the order of their ports. Composition roots pass it on."""

from typing import Final

from shared.contracts.app import App, Registry
from shared.shop.audit import AUDIT
from shared.shop.gateway import GATEWAY
from shared.shop.groups import CORE, EVENTS
from shared.shop.inference import ML_INFERENCE
from shared.shop.inventory import INVENTORY
from shared.shop.notification import NOTIFICATION
from shared.shop.order import ORDER
from shared.shop.payment import PAYMENT
from shared.shop.shipping import SHIPPING
from shared.shop.task import TASK_ORCHESTRATOR

EVENT_RELAY: Final = "event-relay"
RELAY: Final = App(app_id=EVENT_RELAY, group=EVENTS, takes_events=True)

SHOP: Final = Registry(
    (
        ORDER,
        PAYMENT,
        INVENTORY,
        SHIPPING,
        NOTIFICATION,
        ML_INFERENCE,
        AUDIT,
        TASK_ORCHESTRATOR,
        RELAY,
        GATEWAY,
    )
)

APPS: Final = SHOP.app_ids
CORE_APPS: Final = SHOP.of_group(CORE)
