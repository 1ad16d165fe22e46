"""Why the order-service turns a request away. Each docstring is the sentence for the client; nothing was changed.

OrderError
├── UnknownOrderError
├── CannotPriceError
│   ├── PriceUnknownError
│   ├── UnknownProductError
│   ├── SeveralCurrenciesError
│   └── TotalTooLargeError
├── TooLateToCancelError
├── ApprovalError
│   ├── NoApprovalError
│   │   └── NothingToApproveError
│   ├── ApprovalEndedError
│   └── ApprovalExpiredError
└── RepairError
    ├── UnknownStepError
    ├── NeedsNoAttentionError
    ├── NotStuckError
    └── BeingDecidedError
"""

from shared.web.requests import RequestRefusedError


class OrderError(RequestRefusedError):
    """The order-service turns the request away."""


class UnknownOrderError(OrderError):
    """There is no order {order_id}."""


class CannotPriceError(OrderError):
    """The order can't be priced."""


class PriceUnknownError(CannotPriceError):
    """An SKU of this order isn't known here yet, and the inventory-service can't be asked now. Try again."""


class UnknownProductError(CannotPriceError):
    """lines: there is no product with SKU {skus}; GET /products lists them."""


class SeveralCurrenciesError(CannotPriceError):
    """lines: an order has one currency, these have {currencies}: place an order for each."""


class TotalTooLargeError(CannotPriceError):
    """lines: the total of {total_cents} cents is above the limit of {limit_cents}: split the order."""


class TooLateToCancelError(OrderError):
    """Order {order_id} {why}."""


class ApprovalError(OrderError):
    """Nothing is to be decided about the order."""


class NoApprovalError(ApprovalError):
    """Order {order_id} waits for no approval: it is {status}."""


class NothingToApproveError(NoApprovalError):
    """Order {order_id} waits for no approval: it is {status}."""


class ApprovalEndedError(ApprovalError):
    """Order {order_id} {why}."""


class ApprovalExpiredError(ApprovalError):
    """Order {order_id} was not approved in time, and is being undone: it has to be placed anew."""


class RepairError(OrderError):
    """The decision can't be taken."""


class UnknownStepError(RepairError):
    """step: no step is named {step!r}; what waits for a decision is {waiting}."""


class NeedsNoAttentionError(RepairError):
    """Order {order_id} doesn't need attention: it is {status}."""


class NotStuckError(RepairError):
    """{step} of order {order_id} doesn't wait for a decision; what does is {waiting}."""


class BeingDecidedError(RepairError):
    """{step} of order {order_id} is being decided: {decision} by {by} ({repair_id}) is under way; see what comes of it first."""  # noqa: E501 - one sentence for the client
