"""An order-service that doesn't register its recovery workflow under the name that others know."""

import order_service.__main__ as order_service

if __name__ == "__main__":
    vars(order_service)["ORDER_RECOVERY_WORKFLOW"] = "order_recovery"
    order_service.main()
