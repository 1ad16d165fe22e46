"""What the notification-service reads from its environment."""

from typing import Annotated

from pydantic import Field, SecretStr, StringConstraints, field_validator

from notification_service.mailer import SmtpServer, read_smtp_url
from shared.events.consuming import ConsumerSettings
from shared.web.text import is_address
from shared.webhooks import Secret, WebhookSecrets, read_secrets


class NotificationSettings(ConsumerSettings):
    """A service behind a sidecar, with the two ways out. The URL and the secrets hold passwords, so they don't show."""

    smtp_url: SecretStr
    mail_from: str = "shop@saga-shop.example"
    smtp_timeout_seconds: Annotated[float, Field(gt=0, le=10)] = 10.0
    """From the connection until the server is ready for the message."""
    smtp_answer_seconds: Annotated[float, Field(gt=0, le=15)] = 15.0
    """For the server's word on the message. With the former below the 30 s after which Postgres ends an idle lock."""
    mail_patience_seconds: Annotated[float, Field(gt=0)] = 14_400.0
    """So long after its event a mail about an order is tried; then it is a dead letter."""
    push_webhook_url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]
    push_webhook_secret: WebhookSecrets
    push_timeout_seconds: Annotated[float, Field(gt=0, le=60)] = 10.0

    @field_validator("smtp_url")
    @classmethod
    def _is_an_smtp_url(cls, value: SecretStr) -> SecretStr:
        read_smtp_url(value.get_secret_value())
        return value

    @field_validator("mail_from")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not is_address(value):
            raise ValueError("must be a plain e-mail address, such as shop@example.com")
        return value

    @property
    def smtp_server(self) -> SmtpServer:
        """Where e-mail is handed over."""
        return read_smtp_url(self.smtp_url.get_secret_value())

    @property
    def webhook_secrets(self) -> tuple[Secret, ...]:
        """What webhooks are signed with."""
        return read_secrets(self.push_webhook_secret.get_secret_value())
