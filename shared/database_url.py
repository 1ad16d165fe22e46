"""The URL of a Postgres server as users write it: with libpq's options, of which the driver knows some others.

What the driver doesn't know would reach the server as a setting of the session, and be refused there.
"""

from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

LEFT_OUT: Final = frozenset(
    {
        "connect_timeout",
        "keepalives",
        "keepalives_idle",
        "keepalives_interval",
        "keepalives_count",
        "tcp_user_timeout",
        "fallback_application_name",
        "client_encoding",
        "gssencmode",
        "gssdelegation",
        "sslcompression",
        "sslsni",
        "load_balance_hosts",
        "channel_binding",
        "sslcertmode",
    }
)
"""Of libpq alone: the services have times of their own for what these say, or nothing is lost without them."""
PROMISES: Final = {
    "channel_binding": "require",
    "sslcertmode": "require",
    "require_auth": None,
    "requirepeer": None,
    "requiressl": None,
    "hostaddr": None,
    "ssl": None,
}
"""What the driver can't keep, with this value or with any: left out silently it would be a promise broken."""


def usable_url(url: str) -> str:
    """The URL with those options that the driver takes.

    Raises:
        ValueError: with a sentence that names the option, and nothing else of the URL.
    """
    parts = urlsplit(url)
    options = parse_qsl(parts.query, keep_blank_values=True)
    for name, value in options:
        if name in PROMISES and PROMISES[name] in {None, value}:
            advice = "say sslmode=require (or verify-full)" if name in {"ssl", "requiressl"} else "leave it out"
            raise ValueError(f"has the option {name}={value[:20]}, which can't be kept here: {advice}")
    kept = urlencode([(name, value) for name, value in options if name not in LEFT_OUT])
    return urlunsplit(parts._replace(query=kept))
