"""What the mailbox reads from its environment."""

from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.webhooks import Secret, WebhookSecrets, read_secrets


class MailboxSettings(BaseSettings):
    """Where it listens, where it keeps what it got, and whose webhooks it believes."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    service_http_host: str = "127.0.0.1"
    service_http_port: int
    mailbox_smtp_port: int
    mailbox_file: Path
    push_webhook_secret: WebhookSecrets
    mailbox_keeps: int = Field(default=5_000, ge=1, le=1_000_000)
    """So many e-mails and as many pushes; the oldest go first."""
    mailbox_slow_seconds: float = Field(default=3.0, ge=0, le=600)

    @property
    def webhook_secrets(self) -> tuple[Secret, ...]:
        """Whoever signs with one of these is believed."""
        return read_secrets(self.push_webhook_secret.get_secret_value())
