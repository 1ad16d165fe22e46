"""Where parcels go: one fact for the order-service, which accepts, and the shipping-service, which ships."""

from typing import Annotated, Final

from pydantic import BeforeValidator, Field
from pydantic_settings import NoDecode

EUROPEAN_UNION: Final = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
BEYOND: Final = "AU CA CH GB IS JP LI NO NZ US"
SERVED: Final = frozenset(f"{EUROPEAN_UNION} {BEYOND}".split())


def _codes(value: object) -> object:
    return value.replace(",", " ").upper().split() if isinstance(value, str) else value


Countries = Annotated[
    frozenset[Annotated[str, Field(pattern=r"^[A-Z]{2}$")]], NoDecode, Field(min_length=1), BeforeValidator(_codes)
]
"""ISO 3166-1 alpha-2 codes; in the environment with spaces or commas between them."""
