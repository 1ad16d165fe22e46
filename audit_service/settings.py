"""What the audit-service and the task that prepares its schema read from their environment."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.service.settings import ServiceSettings


class AuditSettings(ServiceSettings):
    """A service behind a sidecar. `SERVICE_DATABASE_URL` is of a role that appends and reads, and can do no more."""

    audit_workflow_retention_seconds: float = Field(default=3600.0, ge=0)
    """A finished audit stays so long in the state store; longer than a repeat of its activity can still run."""


class SchemaSettings(BaseSettings):
    """`audit_owner_database_url` is of the role that owns the tables; no service ever runs as it."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore")

    audit_owner_database_url: str
    audit_writer_role: str
