"""Signatures after the Standard Webhooks specification, with the vector that its own libraries use."""

import pytest

from shared.webhooks import SignatureError, read_secrets, signed_headers, verify, write_secret

pytestmark = pytest.mark.unit

# From the specification's reference libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

OTHER = write_secret(b"another secret of 32 bytes......")


def headers(**changes: str) -> dict[str, str]:
    return {**signed_headers(read_secrets(SECRET), ID, TIMESTAMP, BODY), **changes}


def test_the_vector_of_the_specification() -> None:
    assert headers() == {"webhook-id": ID, "webhook-timestamp": str(TIMESTAMP), "webhook-signature": SIGNATURE}
    assert verify(read_secrets(SECRET), headers(), BODY, now=TIMESTAMP) == ID


def test_during_a_rotation_either_side_may_be_first() -> None:
    """The sender signs with both; a receiver believes any."""
    both = signed_headers(read_secrets(f"{OTHER} {SECRET}"), ID, TIMESTAMP, BODY)

    assert len(both["webhook-signature"].split(" ")) == 2
    for known in (SECRET, OTHER, f"{SECRET} {OTHER}"):
        assert verify(read_secrets(known), both, BODY, now=TIMESTAMP) == ID
    assert verify(read_secrets(f"{OTHER} {SECRET}"), headers(), BODY, now=TIMESTAMP) == ID


@pytest.mark.parametrize(
    ("changes", "body", "now"),
    [
        ({}, b'{"test": 1}', TIMESTAMP),
        ({"webhook-id": "msg_other"}, BODY, TIMESTAMP),
        ({"webhook-timestamp": str(TIMESTAMP + 1)}, BODY, TIMESTAMP),
        ({}, BODY, TIMESTAMP + 301),
        ({}, BODY, TIMESTAMP - 301),
        ({"webhook-timestamp": "soon"}, BODY, TIMESTAMP),
        ({"webhook-timestamp": "²"}, BODY, TIMESTAMP),
        ({"webhook-timestamp": f"{TIMESTAMP:020}" + "9" * 5000}, BODY, TIMESTAMP),
        ({"webhook-signature": ""}, BODY, TIMESTAMP),
        ({"webhook-signature": "v1,Zm9v"}, BODY, TIMESTAMP),
        ({"webhook-signature": SIGNATURE.replace("v1", "v2")}, BODY, TIMESTAMP),
        ({"webhook-signature": "ä"}, BODY, TIMESTAMP),
    ],
)
def test_what_was_not_signed_so_is_not_believed(changes: dict[str, str], body: bytes, now: int) -> None:
    """Another body, id or time, an old recording, or no signature at all."""
    with pytest.raises(SignatureError):
        verify(read_secrets(SECRET), headers(**changes), body, now=now)


@pytest.mark.parametrize("text", ["", "whsec_", "whsec_hush", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + "A" * 20])
def test_a_weak_or_unreadable_secret_is_turned_away_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match="secret") as error:
        read_secrets(text)

    assert "hush" not in str(error.value)


def test_a_secret_never_shows() -> None:
    assert repr(read_secrets(SECRET)) == "(Secret(…),)"
