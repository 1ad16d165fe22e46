"""An order-service that doesn't register its recovery workflow under the name that others know."""

from order_service.__main__ import compose
from order_service.settings import OrderSettings
from shared.service.service import run
from shared.service.settings import load
from shared.shop.order import ORDER_RECOVERY_WORKFLOW

if __name__ == "__main__":
    service = compose(load(OrderSettings))
    service.workflows["order_recovery"] = service.workflows.pop(ORDER_RECOVERY_WORKFLOW)
    run(service)
