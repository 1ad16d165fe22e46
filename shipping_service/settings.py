"""What the shipping-service reads from its environment."""

from shared.service.settings import ServiceSettings
from shared.shop.countries import SERVED, Countries


class ShippingSettings(ServiceSettings):
    """A service behind a sidecar, with the countries that parcels go to, which the order-service has as well."""

    shipping_countries: Countries = SERVED
