"""A system of one app, beside the shop: as somebody who clones the engine has it."""

from typing import Final

from shared.contracts.app import App, Registry

SMALL: Final = Registry((App(app_id="flight-service", group="core"),))
NAME: Final = f"{__name__}:SMALL"
NONE: Final = f"{__name__}:NAME"
"""It names something, but no registry."""
