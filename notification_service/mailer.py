"""Hands one e-mail to an SMTP server, and reports exactly when it may have left.

Everything until the server says 354 can be repeated: no receiver has seen the message. Then `before_leaving` is
awaited, and only after it the message's first byte goes out. From there on only the server's answer shows what became
of it.
"""

import asyncio
import contextlib
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

import aiosmtplib
from aiosmtplib import SMTP, SMTPException, SMTPRecipientRefused, SMTPResponseException

from shared.participant.errors import Refused

START_INPUT: Final = 354
FIRST_ABOUT_THE_MAIL: Final = 550
"""Below are complaints about the conversation (syntax, order, login), which say nothing of the recipient."""

_LINE_END: Final = re.compile(rb"\r\n|\r|\n")


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


class MailOutageError(Exception):
    """The e-mail has not left: another attempt may send it."""


class MailUnknownError(Exception):
    """The message went out, and no answer came back: it may have arrived, or not."""


class Mailer(Protocol):
    """Hands over e-mail."""

    async def send(
        self, sender: str, recipient: str, content: bytes, before_leaving: Callable[[], Awaitable[None]]
    ) -> str:
        """The server's words when it took the message.

        Raises:
            Refused: the server says that it never will; nothing has left.
            MailOutageError: nothing has left.
            MailUnknownError: it may have left.
        """


class SmtpMailer:
    """A `Mailer` over SMTP, with a connection per message."""

    def __init__(self, server: SmtpServer, *, timeout_seconds: float, answer_seconds: float) -> None:
        """Speak to `server`.

        Args:
            server: where, and with which login.
            timeout_seconds: from the connection until the server is ready for the message.
            answer_seconds: from the message's first byte until the server's word on it.
        """
        self._server = server
        self._timeout_seconds = timeout_seconds
        self._answer_seconds = answer_seconds

    async def send(
        self, sender: str, recipient: str, content: bytes, before_leaving: Callable[[], Awaitable[None]]
    ) -> str:
        client = self._client()
        try:
            await self._approach(client, sender, recipient)
            await before_leaving()
            return await self._hand_over(client, content)
        finally:
            with contextlib.suppress(SMTPException, OSError, TimeoutError):
                await asyncio.wait_for(client.quit(), 0.5) if client.is_connected else None
            client.close()

    def _client(self) -> SMTP:
        server = self._server
        context = ssl.create_default_context(cafile=server.ca_file) if server.ca_file else None
        return SMTP(
            hostname=server.host,
            port=server.port,
            username=server.username,
            password=server.password,
            use_tls=server.use_tls,
            start_tls=server.start_tls,
            tls_context=context,
            timeout=self._timeout_seconds,
        )

    async def _approach(self, client: SMTP, sender: str, recipient: str) -> None:
        """All that comes before the message itself."""
        try:
            async with asyncio.timeout(self._timeout_seconds):
                await client.connect()
                if not recipient.isascii():
                    await _check_utf8(client)
                await client.mail(sender, options=[] if recipient.isascii() else ["SMTPUTF8"])
                await client.rcpt(recipient, encoding="utf-8")
                answer = await client.execute_command(b"DATA")
        except SMTPRecipientRefused as error:
            raise outcome(error.code, error.message, "the recipient") from error
        except SMTPResponseException as error:
            raise MailOutageError(f"the mail server answered {error.code} {_line(error.message)}") from error
        except (SMTPException, OSError, TimeoutError, ValueError) as error:
            raise MailOutageError(f"no mail server to speak to at {self._place}: {error!r}") from error
        if answer.code != START_INPUT:
            raise outcome(answer.code, answer.message, "the message")

    async def _hand_over(self, client: SMTP, content: bytes) -> str:
        """The message; every way out of here but an answer leaves it open whether it arrived."""
        protocol = client.protocol
        if protocol is None:  # the server hung up while `before_leaving` was awaited
            raise MailOutageError("the mail server closed the connection before the message was begun")
        try:
            protocol.write(on_the_wire(content))
            answer = await protocol.read_response(timeout=self._answer_seconds)
        except aiosmtplib.SMTPResponseException as error:
            raise MailUnknownError(f"the mail server's answer can't be read: {_line(error.message)}") from error
        except (SMTPException, OSError, TimeoutError) as error:
            raise MailUnknownError(f"the mail server took the message and gave no answer: {error!r}") from error
        if not 200 <= answer.code < 300:  # noqa: PLR2004 - the class of answers that mean yes
            raise outcome(answer.code, answer.message, "the message")
        return _line(answer.message)

    @property
    def _place(self) -> str:
        return f"{self._server.host}:{self._server.port}"


async def _check_utf8(client: SMTP) -> None:
    await client.ehlo()
    if not client.supports_extension("smtputf8"):
        raise Refused("the mail server takes no address with letters beyond ASCII before the @")


def outcome(code: int, words: str, what: str) -> Refused | MailOutageError:
    """What an answer other than yes means: 55x is the server's last word, anything else may change."""
    said = f"{what}: {code} {_line(words)}"
    if code >= FIRST_ABOUT_THE_MAIL:
        return Refused(f"the mail server refuses {said}")
    return MailOutageError(f"the mail server doesn't take {said}")


def on_the_wire(content: bytes) -> bytes:
    """The message as DATA wants it: CRLF line ends, leading dots doubled, a lone dot at the end (RFC 5321, 4.5.2)."""
    lines = _LINE_END.sub(b"\n", content).removesuffix(b"\n").split(b"\n")
    stuffed = (b"." + line if line.startswith(b".") else line for line in lines)
    return b"\r\n".join(stuffed) + b"\r\n.\r\n"


def _line(words: str) -> str:
    return " ".join(words.split())[:200]
