"""Numbers in the query of a request."""

from collections.abc import Mapping
from http import HTTPStatus

from shared.web.problems import ProblemError
from shared.web.whole_number import whole_number


def number_in(query: Mapping[str, str], name: str, default: int, *, lowest: int, highest: int) -> int:
    """The parameter of this name, or the default if there is none.

    Raises:
        ProblemError: it isn't a whole number from `lowest` to `highest`.
    """
    written = query.get(name)
    if written is None:
        return default
    number = whole_number(written, lowest, highest)
    if number is None:
        detail = f"{name} must be a whole number from {lowest} to {highest}, not {written[:40]!a}."
        raise ProblemError(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    return number
