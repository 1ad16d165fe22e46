"""Why the order-service turns a request away. Each has a sentence for the client; nothing was changed.

OrderError
├── UnknownOrderError
├── CannotPriceError
│   ├── PriceUnknownError
│   ├── UnknownProductError
│   ├── SeveralCurrenciesError
│   ├── TooManyUnitsError
│   ├── TotalTooLargeError
│   └── TotalChangedError
├── CannotDeliverError
│   ├── NoCountryError
│   ├── NotServedError
│   └── NoPostalCodeError
├── TooLateToCancelError
├── ApprovalError
│   ├── NoApprovalError
│   │   └── NothingToApproveError
│   ├── ApprovalEndedError
│   └── ApprovalExpiredError
├── ReturnError
│   ├── NotCompletedError
│   ├── OtherCurrencyError
│   └── MoreThanChargedError
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
    sentence = "There is no order {order_id}."


class CannotPriceError(OrderError):
    """The order can't be priced."""


class PriceUnknownError(CannotPriceError):
    sentence = "An SKU of this order isn't known here yet, and can't be looked up now. Try again."


class UnknownProductError(CannotPriceError):
    sentence = "lines: there is no product with SKU {skus}; GET /products lists them."


class SeveralCurrenciesError(CannotPriceError):
    sentence = "lines: an order has one currency, these have {currencies}: place an order for each."


class TotalTooLargeError(CannotPriceError):
    sentence = "lines: the total of {total} is above the limit of {limit}: split the order."


class TooManyUnitsError(CannotPriceError):
    sentence = "lines: an order has at most {limit} of one SKU, this one has more of {skus}: split the order."


class TotalChangedError(CannotPriceError):
    sentence = "The order costs {total} and not {expected}: show its customer the new prices, and order again."


class CannotDeliverError(OrderError):
    """No parcel can go there."""


class NoCountryError(CannotDeliverError):
    sentence = "shipping_address.country: {country} is no country's code: give the two letters of ISO 3166-1, such as DE or GB."  # noqa: E501 - one sentence for the client


class NotServedError(CannotDeliverError):
    sentence = "shipping_address.country: we don't ship to {country}; we ship to {countries}."


class NoPostalCodeError(CannotDeliverError):
    sentence = "shipping_address.postal_code: an address in {country} needs one."


class TooLateToCancelError(OrderError):
    sentence = "Order {order_id} {why}."


class ApprovalError(OrderError):
    """Nothing is to be decided about the order."""


class NoApprovalError(ApprovalError):
    sentence = "Order {order_id} waits for no approval: it is {status}."


class NothingToApproveError(NoApprovalError):
    """The same, for one who decides: NoApprovalError is for one who looks."""


class ApprovalEndedError(ApprovalError):
    sentence = "Order {order_id} {why}."


class ApprovalExpiredError(ApprovalError):
    sentence = "Order {order_id} was not approved in time, and is being undone: it has to be placed anew."


class ReturnError(OrderError):
    """Nothing can be recorded as given back."""


class NotCompletedError(ReturnError):
    sentence = "Order {order_id} is {status}: only of a completed order something is given back; {instead}."


class OtherCurrencyError(ReturnError):
    sentence = "currency: the order was charged in {charged}, not in {given}."


class MoreThanChargedError(ReturnError):
    sentence = "amount_cents: of {total} that were charged {returned} were given back, so that {left} are left."


class RepairError(OrderError):
    """The decision can't be taken."""


class UnknownStepError(RepairError):
    sentence = "step: no step is named {step!r}; what waits for a decision is {waiting}."


class NeedsNoAttentionError(RepairError):
    sentence = "Order {order_id} doesn't need attention: it is {status}."


class NotStuckError(RepairError):
    sentence = "{step} of order {order_id} doesn't wait for a decision; what does is {waiting}."


class BeingDecidedError(RepairError):
    sentence = "{step} of order {order_id} is being decided: {decision} by {by} ({repair_id}) is under way; see what comes of it first."  # noqa: E501 - one sentence for the client
