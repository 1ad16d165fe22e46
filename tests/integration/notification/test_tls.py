"""Encrypted e-mail with a login, to a server with a certificate of its own."""

import asyncio
import ssl
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from notification_service.mailer import MailOutageError
from tests.integration.notification.world import a_mailer

CONTENT = b"Subject: Hello\r\n\r\nHello\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of 127.0.0.1 that nobody else has signed, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    cert, key = folder / "cert.pem", folder / "key.pem"
    made_by = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost")
    names = ("-addext", "subjectAltName=IP:127.0.0.1")
    subprocess.run([*made_by, *names, "-out", str(cert), "-keyout", str(key)], check=True, capture_output=True)
    return cert, key


class Inbox:
    """Counts what it takes."""

    def __init__(self) -> None:
        self.taken: list[tuple[bool, bool]] = []
        """Whether each came encrypted, and after a login."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's
        del envelope
        encrypted = server.transport is not None and server.transport.get_extra_info("ssl_object") is not None
        self.taken.append((encrypted, bool(session.authenticated)))
        return "250 OK"


@asynccontextmanager
async def server_of(inbox: Inbox, certificate: tuple[Path, Path], *, tls_first: bool) -> AsyncIterator[int]:
    """An SMTP server that lets in only `ada` with `p/w`; its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)

    def admit(*arguments: object) -> AuthResult:
        return AuthResult(success=arguments[-1] == LoginPassword(b"ada", b"p/w"), handled=False)

    def session() -> SMTP:
        starttls = None if tls_first else context
        loop = asyncio.get_running_loop()
        return SMTP(
            inbox,
            authenticator=admit,
            auth_required=not tls_first,
            auth_require_tls=not tls_first,
            tls_context=starttls,
            loop=loop,
        )

    listener = await asyncio.get_running_loop().create_server(
        session, "127.0.0.1", 0, ssl=context if tls_first else None
    )
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()


async def send(url: str) -> None:
    async def nothing() -> None:
        return None

    await a_mailer(url).send("shop@example.com", "ada@example.com", CONTENT, nothing)


@pytest.mark.parametrize(("scheme", "tls_first"), [("smtp", False), ("smtps", True)])
async def test_a_login_goes_through_tls(certificate: tuple[Path, Path], scheme: str, *, tls_first: bool) -> None:
    """By STARTTLS, and where TLS comes first."""
    inbox = Inbox()
    async with server_of(inbox, certificate, tls_first=tls_first) as port:
        await send(f"{scheme}://ada:p%2Fw@127.0.0.1:{port}?ca={certificate[0]}")

    assert inbox.taken == [(True, True)]


@pytest.mark.parametrize(("scheme", "tls_first"), [("smtp", False), ("smtps", True)])
async def test_a_certificate_that_nobody_vouches_for_gets_no_login(
    certificate: tuple[Path, Path], scheme: str, *, tls_first: bool
) -> None:
    inbox = Inbox()
    async with server_of(inbox, certificate, tls_first=tls_first) as port:
        with pytest.raises(MailOutageError, match="no mail server to speak to"):
            await send(f"{scheme}://ada:p%2Fw@127.0.0.1:{port}")

    assert inbox.taken == []


async def test_a_wrong_password_is_an_outage_that_never_shows_it(certificate: tuple[Path, Path]) -> None:
    """A person repairs it, and the e-mail is sent then."""
    inbox = Inbox()
    async with server_of(inbox, certificate, tls_first=False) as port:
        with pytest.raises(MailOutageError, match="535") as error:
            await send(f"smtp://ada:hush@127.0.0.1:{port}?ca={certificate[0]}")

    assert "hush" not in str(error.value)
    assert inbox.taken == []
