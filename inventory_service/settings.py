"""What the inventory-service reads from its environment."""

from pathlib import Path

from pydantic import Field

from inventory_service.store import LEASE_SECONDS
from shared.service.settings import ServiceSettings


class InventorySettings(ServiceSettings):
    """A service behind a sidecar, with the catalogue that fills an empty shop, and where orders are asked about.

    `shop_reservation_lease_seconds`: how long after it was made a reservation's order is asked about.
    `shop_lease_sweep_seconds`: how often reservations whose lease has ended are looked for.
    """

    order_url: str
    shop_reservation_lease_seconds: float = Field(default=LEASE_SECONDS, gt=0)
    shop_lease_sweep_seconds: float = Field(default=15.0, gt=0)

    inventory_catalogue: Path = Path(__file__).parent / "catalogue.csv"
    """Read once in the life of a database: at the very first start."""
