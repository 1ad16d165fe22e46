"""The URL that a service is given."""

import pytest

from shared.database import create_engine
from shared.database_url import usable_url

pytestmark = pytest.mark.unit


BASE = "postgresql://role:secret@db:5432/shop"


def arguments_of(url: str) -> dict[str, object]:
    """What the driver is called with, as far as it comes from the URL."""
    database = create_engine(url, application_name="x")
    _, arguments = database.dialect.create_connect_args(database.url)
    assert not database.url.query
    return dict(arguments)


async def test_the_driver_reads_the_options_itself() -> None:
    """SQLAlchemy would hand each on as an argument, and most aren't called so."""
    url = f"{BASE}?sslmode=verify-full&sslrootcert=/etc/ssl/ca.pem&timezone=UTC"

    assert arguments_of(url) == {"host": "db", "database": "shop", "user": "role", "password": "secret", "port": 5432}
    assert usable_url(url) == url.replace("/etc/ssl/ca.pem", "%2Fetc%2Fssl%2Fca.pem")


@pytest.mark.parametrize(
    "option",
    ["connect_timeout=10", "channel_binding=prefer", "keepalives_idle=30", "gssencmode=disable", "sslsni=1"],
)
async def test_what_only_libpq_knows_is_left_out(option: str) -> None:
    assert usable_url(f"{BASE}?sslmode=require&{option}") == f"{BASE}?sslmode=require"


@pytest.mark.parametrize(
    ("option", "advice"),
    [
        ("channel_binding=require", "leave it out"),
        ("require_auth=scram-sha-256", "leave it out"),
        ("ssl=true", "say sslmode=require"),
        ("hostaddr=10.0.0.1", "leave it out"),
    ],
)
async def test_a_promise_that_cannot_be_kept_is_named_at_once(option: str, advice: str) -> None:
    """And nothing else of the URL, which has a password in it."""
    with pytest.raises(ValueError, match=f"has the option {option}, which can't be kept here: {advice}") as caught:
        usable_url(f"{BASE}?{option}")
    assert "secret" not in str(caught.value)


async def test_without_options_nothing_is_added() -> None:
    assert usable_url(BASE) == BASE
