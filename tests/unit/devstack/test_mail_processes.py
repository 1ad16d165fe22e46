"""Where a local stack's notifications go."""

from pathlib import Path

import pytest

from devstack.errors import SettingsError
from devstack.postgres.passwords import password_names
from devstack.settings import load_settings
from devstack.topology.shop import mailbox, notification_environment
from devstack.topology.specs import Host
from shared.shop.registry import SHOP
from shared.webhooks import read_secrets

pytestmark = pytest.mark.unit

PASSWORDS = {name: f"{index:048}" for index, name in enumerate(password_names(SHOP))}
HOST = Host("main")


def test_by_default_all_goes_into_the_mailbox_which_believes_it(tmp_path: Path) -> None:
    """Nothing leaves the machine of someone who only tries the shop."""
    settings = load_settings(home=tmp_path, base_port=21000)
    environment = notification_environment(settings, PASSWORDS, HOST)
    receiver = mailbox(settings, PASSWORDS, HOST)

    assert environment["SMTP_URL"] == "smtp://127.0.0.1:21014"
    assert environment["PUSH_WEBHOOK_URL"] == "http://127.0.0.1:21015/push"
    assert environment["PUSH_WEBHOOK_SECRET"] == receiver.env["PUSH_WEBHOOK_SECRET"]
    assert len(read_secrets(environment["PUSH_WEBHOOK_SECRET"])) == 1


def test_the_users_own_servers_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = {
        "SMTP_URL": "smtp://u:p@mail.example.com",
        "PUSH_WEBHOOK_URL": "https://push.example.com/hook",
        "PUSH_WEBHOOK_SECRET": "whsec_own",
    }
    for name, value in own.items():
        monkeypatch.setenv(name, value)

    assert notification_environment(load_settings(home=tmp_path), PASSWORDS, HOST) == own


@pytest.mark.parametrize(
    ("variables", "named"),
    [({"SMTP_URL": "http://u:hush@x"}, "SMTP_URL"), ({"PUSH_WEBHOOK_URL": "https://x"}, "PUSH_WEBHOOK_SECRET")],
)
def test_what_cannot_be_used_is_named_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], named: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=named) as error:
        load_settings(home=tmp_path)

    assert "hush" not in str(error.value)
