"""Reads SMTP_URL: `smtp://user:password@mail.example.com:587`, or `smtps://` where TLS comes first."""

from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit

FORM: Final = "smtp[s]://[user:password@]host[:port][?starttls=auto|always|never][&ca=/path/to/ca.pem]"
_PORTS: Final = {"smtp": 25, "smtps": 465}
_SUBMISSION_PORT: Final = 587
_STARTTLS: Final[dict[str, bool | None]] = {"auto": None, "always": True, "never": False}


@dataclass(frozen=True, slots=True)
class SmtpServer:
    """Where e-mail is handed over, and how."""

    host: str
    port: int
    use_tls: bool
    start_tls: bool | None
    """Must (True), must not (False), or where the server offers it (None)."""
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca_file: str | None = None


def read_smtp_url(url: str) -> SmtpServer:
    """The server that the URL names. A login never crosses the network in the clear, unless `starttls=never` says so.

    Raises:
        ValueError: with a sentence that doesn't repeat the URL, which may hold a password.
    """
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname or parts.path not in {"", "/"} or parts.fragment:
        raise ValueError(f"must look like {FORM}")
    if (parts.username is None) != (parts.password is None):
        raise ValueError(f"needs both user and password, or neither: {FORM}")
    options = _options(parts.query)
    use_tls = parts.scheme == "smtps"
    if use_tls and "starttls" in options:
        raise ValueError("smtps:// begins with TLS, so starttls has no meaning there")
    has_login = parts.username is not None
    start_tls = False if use_tls else _STARTTLS[options.get("starttls", "always" if has_login else "auto")]
    return SmtpServer(
        host=parts.hostname,
        port=_port(url) or (_SUBMISSION_PORT if has_login and not use_tls else _PORTS[parts.scheme]),
        use_tls=use_tls,
        start_tls=start_tls,
        username=unquote(parts.username) if parts.username is not None else None,
        password=unquote(parts.password) if parts.password is not None else None,
        ca_file=options.get("ca"),
    )


def _port(url: str) -> int | None:
    try:
        return urlsplit(url).port
    except ValueError:
        raise ValueError("the port must be a number from 1 to 65535") from None


def _options(query: str) -> dict[str, str]:
    options = {name: values[-1] for name, values in parse_qs(query, keep_blank_values=True).items()}
    unknown = sorted(options.keys() - {"starttls", "ca"})
    if unknown or options.get("starttls", "auto") not in _STARTTLS:
        raise ValueError(f"takes starttls=auto|always|never and ca=FILE only: {FORM}")
    return options
