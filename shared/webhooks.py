"""Webhooks signed after the Standard Webhooks specification: HMAC-SHA256 over `id.timestamp.body`.

The receiver knows who sent it, that it wasn't changed, that it isn't an old recording (the timestamp), and whether it
has it already (the id). A secret is rotated by signing with the old and the new one for a while: any signature will do.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator, SecretStr

from shared.web.paging import whole_number

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what every secret begins with
MIN_SECRET_BYTES: Final = 24
MAX_SECRET_BYTES: Final = 64
TOLERANCE_SECONDS: Final = 300
"""How old, or how far ahead, a timestamp may be."""

_VERSION: Final = "v1"


class SignatureError(Exception):
    """The webhook isn't what its sender signed; the message says what to look at."""


@dataclass(frozen=True, slots=True)
class Secret:
    """One shared key; its bytes never show in a log."""

    key: bytes

    def __repr__(self) -> str:
        return "Secret(…)"

    def sign(self, webhook_id: str, timestamp: int, body: bytes) -> str:
        """One signature, as it stands in the header."""
        signed = f"{webhook_id}.{timestamp}.".encode() + body
        digest = hmac.new(self.key, signed, hashlib.sha256).digest()
        return f"{_VERSION},{base64.b64encode(digest).decode()}"


def read_secrets(text: str) -> tuple[Secret, ...]:
    """The secrets in a setting: `whsec_…`, several with spaces between them while one replaces another.

    Raises:
        ValueError: with a sentence that doesn't repeat the secret.
    """
    secrets = tuple(_read_secret(word) for word in text.split())
    if not secrets:
        raise ValueError("at least one secret is needed, such as whsec_ and 32 random bytes in base64")
    return secrets


def _readable(value: SecretStr) -> SecretStr:
    read_secrets(value.get_secret_value())
    return value


WebhookSecrets = Annotated[SecretStr, AfterValidator(_readable)]
"""Secrets as a setting: checked when it is read, and not shown."""


def write_secret(key: bytes) -> str:
    """A secret as people pass it on."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def signed_headers(secrets: Sequence[Secret], webhook_id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The three headers; one signature per secret."""
    return {
        ID_HEADER: webhook_id,
        TIMESTAMP_HEADER: str(timestamp),
        SIGNATURE_HEADER: " ".join(secret.sign(webhook_id, timestamp, body) for secret in secrets),
    }


def verify(secrets: Sequence[Secret], headers: Mapping[str, str], body: bytes, *, now: int) -> str:
    """The id of a webhook that one of the secrets signed; `headers` finds names in lower case.

    Raises:
        SignatureError: it is unsigned, too old, or was changed.
    """
    webhook_id, timestamp = headers.get(ID_HEADER, ""), headers.get(TIMESTAMP_HEADER, "")
    if not webhook_id or not timestamp or not headers.get(SIGNATURE_HEADER):
        raise SignatureError(f"the headers {ID_HEADER}, {TIMESTAMP_HEADER} and {SIGNATURE_HEADER} are needed")
    seconds = whole_number(timestamp, max(0, now - TOLERANCE_SECONDS), now + TOLERANCE_SECONDS)
    if seconds is None:
        raise SignatureError(f"{TIMESTAMP_HEADER} must be seconds since 1970, at most {TOLERANCE_SECONDS} s from now")
    offered = [word.encode() for word in headers[SIGNATURE_HEADER].split(" ")]
    expected = [secret.sign(webhook_id, seconds, body).encode() for secret in secrets]
    if not any(hmac.compare_digest(one, other) for one in offered for other in expected):
        raise SignatureError(f"no signature in {SIGNATURE_HEADER} fits: do both sides have the same secret?")
    return webhook_id


def _read_secret(word: str) -> Secret:
    try:
        key = base64.b64decode(word.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error:
        raise ValueError(f"a webhook secret is {SECRET_PREFIX} and base64") from None
    if not word.startswith(SECRET_PREFIX) or not MIN_SECRET_BYTES <= len(key) <= MAX_SECRET_BYTES:
        raise ValueError(
            f"a webhook secret is {SECRET_PREFIX} and {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes in base64"
        )
    return Secret(key)
