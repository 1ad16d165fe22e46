"""The contracts of import-linter in pyproject.toml speak of every package and every service."""

import tomllib
from typing import Final

import pytest

from devstack.settings import PROJECT_ROOT

pytestmark = pytest.mark.unit

NO_SERVICES: Final = {"bench", "cli", "devstack", "examples", "saga_testing", "shared"}
RULES: Final = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]


def packages() -> set[str]:
    found = {file.parent.name for file in PROJECT_ROOT.glob("*/__init__.py")} - {"tests"}
    assert found > NO_SERVICES
    return found


def test_every_package_is_looked_at() -> None:
    """What isn't listed is held to nothing."""
    assert packages() == set(RULES["root_packages"])


@pytest.mark.parametrize("named", ["modules", "forbidden_modules"])
def test_every_service_is_named(named: str) -> None:
    """No service imports another, and nobody else imports one."""
    listed = next(contract[named] for contract in RULES["contracts"] if "shipping_service" in contract.get(named, ()))

    assert packages() - NO_SERVICES == set(listed)
