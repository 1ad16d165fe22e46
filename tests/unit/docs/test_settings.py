"""docs/settings.md names every environment variable of every program, with its default, and no other."""

import re
from enum import StrEnum
from typing import Final

import pytest
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from audit_service.settings import AuditSettings, SchemaSettings
from devstack.settings import PROJECT_ROOT, StackSettings
from event_relay.settings import RelaySettings
from inventory_service.settings import InventorySettings
from local_mailbox.settings import MailboxSettings
from ml_inference_service.settings import InferenceSettings
from notification_service.settings import NotificationSettings
from order_service.settings import OrderSettings
from payment_gateway.settings import GatewaySettings
from payment_service.settings import PaymentSettings
from shared.events.consuming import ConsumerSettings
from shared.service.settings import HttpSettings, ServiceSettings
from shipping_service.settings import ShippingSettings
from task_orchestrator_service.settings import TaskSettings

pytestmark = pytest.mark.unit

ROW: Final = re.compile(r"^\| `([A-Z0-9_]+)` \| (.*?) \| ", re.MULTILINE)
IN_WORDS: Final = {"SHOP_HOME", "INVENTORY_CATALOGUE", "SHIPPING_COUNTRIES"}
"""Their defaults are too long for a table, or depend on the machine."""

Kinds = tuple[type[BaseSettings], ...]
SECTIONS: Final[dict[str, tuple[Kinds, Kinds]]] = {
    "The local stack": ((StackSettings,), ()),
    "Every service": ((ServiceSettings,), ()),
    "Consumers of events": ((ConsumerSettings,), (ServiceSettings,)),
    "order-service": ((OrderSettings,), (ServiceSettings,)),
    "inventory-service": ((InventorySettings,), (ServiceSettings,)),
    "payment-service": ((PaymentSettings,), (ServiceSettings,)),
    "shipping-service": ((ShippingSettings,), (ServiceSettings,)),
    "notification-service": ((NotificationSettings,), (ConsumerSettings,)),
    "ml-inference-service": ((InferenceSettings,), (ServiceSettings,)),
    "audit-service": ((AuditSettings, SchemaSettings), (ServiceSettings,)),
    "task-orchestrator-service": ((TaskSettings,), (ConsumerSettings,)),
    "event-relay": ((RelaySettings,), (ConsumerSettings,)),
    "payment-gateway": ((GatewaySettings,), (HttpSettings,)),
    "mailbox": ((MailboxSettings,), ()),
}
"""A section's settings, and those that another section has already."""


def sections() -> dict[str, dict[str, str]]:
    """The page's variables with their defaults, by section."""
    page = (PROJECT_ROOT / "docs" / "settings.md").read_text()
    parts = re.split(r"^## (.*)$", page, flags=re.MULTILINE)[1:]
    return {title: dict(ROW.findall(text)) for title, text in zip(parts[::2], parts[1::2], strict=True)}


@pytest.mark.parametrize("title", SECTIONS)
def test_a_section_names_what_the_program_reads(title: str) -> None:
    """A variable that is added, renamed or removed, or gets another default, is noticed."""
    shown, elsewhere = SECTIONS[title]
    expected = {name: default for name, default in variables(shown).items() if name not in variables(elsewhere)}

    actual = sections()[title]

    assert expected.keys() == actual.keys()
    assert {name: expected[name] for name in expected.keys() - IN_WORDS} == {
        name: default.strip("`") for name, default in actual.items() if name not in IN_WORDS
    }


def test_every_settings_class_has_its_section() -> None:
    """A new program is noticed, too."""
    known = {kind for shown, _ in SECTIONS.values() for kind in shown} | {HttpSettings}

    assert known == set(all_settings(BaseSettings))


def all_settings(base: type[BaseSettings]) -> list[type[BaseSettings]]:
    """The project's settings classes, which the imports above have brought."""
    below = [kind for kind in base.__subclasses__() if not kind.__module__.startswith(("pydantic", "tests"))]
    return below + [one for kind in below for one in all_settings(kind)]


def variables(kinds: Kinds) -> dict[str, str]:
    fields = [item for kind in kinds for item in kind.model_fields.items()]
    return {str(field.validation_alias or name).upper(): default_of(field) for name, field in fields}


def default_of(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    match field.default:
        case None:
            return "none"
        case StrEnum() as one:
            return one.value
        case tuple() as names:
            return ",".join(names)
        case float() as number:
            return f"{number:.10g}"
        case other:
            return str(other)


def test_every_package_with_settings_is_looked_at() -> None:
    """A new package's settings can't be overlooked because nothing here imports them."""
    modules = {f"{file.parent.name}.settings" for file in PROJECT_ROOT.glob("*/settings.py")}

    assert modules <= {kind.__module__ for kind in all_settings(BaseSettings)}
