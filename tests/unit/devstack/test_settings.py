"""The settings' promises."""

from pathlib import Path

import pytest

from devstack.errors import SettingsError
from devstack.settings import StackSettings, load_settings, port_block_size
from shared.service.settings import ShopMode
from shared.shop.registry import SHOP
from tests.unit.devstack import small_registry

pytestmark = pytest.mark.unit


def test_everything_has_a_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh clone needs no environment variable."""
    for name in ("SHOP_HOME", "SHOP_API_PORT", "SHOP_BASE_PORT", "SHOP_MODE", "DATABASE_URL", "DAPR_BIN_DIR"):
        monkeypatch.delenv(name, raising=False)

    settings = load_settings()

    assert settings.api_url == "http://127.0.0.1:8080"
    assert settings.mode == ShopMode.PRODUCTION
    assert settings.home.name == ".shop"
    assert settings.database_url is None


def test_all_problems_are_reported_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever mistyped three variables reads about all three at once."""
    monkeypatch.setenv("SHOP_API_PORT", "70000")
    monkeypatch.setenv("SHOP_MODE", "prod")
    monkeypatch.setenv("DATABASE_URL", "mysql://root:hunter2@db/shop")

    with pytest.raises(SettingsError) as caught:
        load_settings()

    message = str(caught.value)
    assert "SHOP_API_PORT=70000" in message
    assert "SHOP_MODE=prod" in message
    assert "DATABASE_URL" in message


def test_a_database_password_is_never_shown() -> None:
    """Messages end up in terminals and tickets."""
    with pytest.raises(SettingsError) as caught:
        load_settings(database_url="mysql://root:hunter2@db/shop")

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("database", ["", "/", "/postgres", "/template1"])
def test_the_shop_wants_a_database_of_its_own(database: str) -> None:
    """Its rights are taken from everybody else, which other applications' databases must be spared."""
    with pytest.raises(SettingsError, match="database of the shop's own"):
        load_settings(database_url=f"postgresql://admin@db:5432{database}")


def test_an_async_driver_in_the_url_is_dropped() -> None:
    """A URL copied from SQLAlchemy works."""
    settings = load_settings(database_url="postgresql+asyncpg://admin@db/shop")

    assert settings.database_url == "postgresql://admin@db/shop"


def test_the_api_port_lies_outside_the_block() -> None:
    """Otherwise it would be taken by a process of the stack itself."""
    with pytest.raises(SettingsError, match="SHOP_BASE_PORT=21000"):
        load_settings(api_port=21000 + port_block_size(SHOP) - 1, base_port=21000)


@pytest.mark.parametrize("name", ["nowhere:SHOP", "shared.shop.registry:NOTHING", small_registry.NONE])
def test_what_names_no_registry_is_refused(name: str) -> None:
    """With the one that does."""
    with pytest.raises(SettingsError, match=r"SHOP_REGISTRY=.*shared.shop.registry:SHOP"):
        load_settings(registry_name=name)


def test_another_process_reads_the_same_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the environment hands on is all there is."""
    settings = load_settings(home=tmp_path, api_port=9000, base_port=22000, mode=ShopMode.TEST)
    for name, value in settings.environment().items():
        monkeypatch.setenv(name, value)

    assert settings == StackSettings()
