"""With which status each refusal of the order-service is answered, and what no order can be named by."""

from http import HTTPStatus
from typing import Final

from aiohttp import web

from order_service import errors
from shared.web.problems import REQUEST_STATUSES, ProblemError, Statuses

STATUSES: Final[Statuses] = {
    **REQUEST_STATUSES,
    errors.UnknownOrderError: HTTPStatus.NOT_FOUND,
    errors.PriceUnknownError: HTTPStatus.SERVICE_UNAVAILABLE,
    errors.UnknownProductError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.SeveralCurrenciesError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooManyUnitsError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TotalTooLargeError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TotalChangedError: HTTPStatus.CONFLICT,
    errors.NoCountryError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NotServedError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NoPostalCodeError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.TooLateToCancelError: HTTPStatus.CONFLICT,
    errors.NoApprovalError: HTTPStatus.NOT_FOUND,
    errors.NothingToApproveError: HTTPStatus.CONFLICT,
    errors.ApprovalEndedError: HTTPStatus.CONFLICT,
    errors.ApprovalExpiredError: HTTPStatus.CONFLICT,
    errors.NotCompletedError: HTTPStatus.CONFLICT,
    errors.OtherCurrencyError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.MoreThanChargedError: HTTPStatus.CONFLICT,
    errors.UnknownStepError: HTTPStatus.UNPROCESSABLE_ENTITY,
    errors.NeedsNoAttentionError: HTTPStatus.CONFLICT,
    errors.NotStuckError: HTTPStatus.CONFLICT,
    errors.BeingDecidedError: HTTPStatus.CONFLICT,
}


def order_id_of(request: web.Request) -> str:
    """The id in the path, if it could be one.

    Raises:
        ProblemError: 404 for text that no order is named by (Postgres wouldn't even take a NUL).
    """
    order_id = request.match_info["order_id"]
    if not order_id.isprintable():
        raise ProblemError(HTTPStatus.NOT_FOUND, f"There is no order {order_id!a}.")
    return order_id
