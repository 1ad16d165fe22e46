"""SMTP_URL says where, and never lets a password show or cross the network in the clear."""

import pytest

from notification_service.mailer import SmtpServer, read_smtp_url

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("url", "host", "port", "use_tls", "start_tls"),
    [
        ("smtp://mail.example.com", "mail.example.com", 25, False, None),
        ("smtp://127.0.0.1:2525/", "127.0.0.1", 2525, False, None),
        ("smtp://[::1]:2525", "::1", 2525, False, None),
        ("smtp://u:p@mail.example.com", "mail.example.com", 587, False, True),
        ("smtp://u:p@mail.example.com:25?starttls=never", "mail.example.com", 25, False, False),
        ("smtp://u:p@mail.example.com?starttls=auto", "mail.example.com", 587, False, None),
        ("smtp://mail.example.com?starttls=always", "mail.example.com", 25, False, True),
        ("smtps://mail.example.com", "mail.example.com", 465, True, False),
    ],
)
def test_each_form(url: str, host: str, port: int, *, use_tls: bool, start_tls: bool | None) -> None:
    """With a login TLS is needed unless it was forbidden in so many words."""
    server = read_smtp_url(url)

    assert (server.host, server.port, server.use_tls, server.start_tls) == (host, port, use_tls, start_tls)


def test_login_and_ca_are_read_and_the_password_never_shows() -> None:
    """Percent signs stand for what a URL can't hold."""
    server = read_smtp_url("smtps://ada%40example.com:p%2Fw@mail.example.com?ca=/etc/ca.pem")

    assert server == SmtpServer(
        "mail.example.com",
        465,
        use_tls=True,
        start_tls=False,
        username="ada@example.com",
        password="p/w",
        ca_file="/etc/ca.pem",
    )
    assert "p/w" not in repr(server)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "mail.example.com",
        "http://u:hush@mail.example.com",
        "smtp://",
        "smtp://hush@mail.example.com",
        "smtp://u:hush@mail.example.com:99999",
        "smtp://u:hush@mail.example.com/inbox",
        "smtp://u:hush@mail.example.com?tls=yes",
        "smtp://u:hush@mail.example.com?starttls=maybe",
        "smtps://u:hush@mail.example.com?starttls=never",
    ],
)
def test_what_is_no_url_of_a_server_gets_a_sentence_without_the_password(url: str) -> None:
    with pytest.raises(ValueError, match=r"\w+ \w+") as error:
        read_smtp_url(url)

    assert "hush" not in str(error.value)
