"""What the shipping-service reads from its environment."""

from typing import Annotated, Final

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from shared.service.settings import ServiceSettings

EUROPEAN_UNION: Final = "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
BEYOND: Final = "AU CA CH GB IS JP LI NO NZ US"

CountryCode = Annotated[str, Field(pattern=r"^[A-Z]{2}$")]


class ShippingSettings(ServiceSettings):
    """A service behind a sidecar, with the countries that parcels go to."""

    shipping_countries: Annotated[frozenset[CountryCode], NoDecode, Field(min_length=1)] = frozenset(
        f"{EUROPEAN_UNION} {BEYOND}".split()
    )
    """ISO 3166-1 alpha-2 codes; in the environment with spaces or commas between them."""

    @field_validator("shipping_countries", mode="before")
    @classmethod
    def _codes(cls, value: object) -> object:
        return value.replace(",", " ").upper().split() if isinstance(value, str) else value
