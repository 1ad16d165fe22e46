"""Who owns what in the shop's Postgres: databases, schemas, roles and their URLs."""

from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from devstack.postgres.passwords import DAPR, SUPERUSER_PASSWORD, Passwords
from devstack.settings import StackSettings
from devstack.topology.addresses import LOOPBACK, Offset, port_at
from shared.contracts.app import Registry

EMBEDDED_DATABASE = "shop"
EMBEDDED_SUPERUSER = "postgres"


@dataclass(frozen=True)
class DatabaseLayout:
    """The names and URLs that follow from one administrator's URL and the passwords."""

    admin_url: str
    server_is_ours: bool
    passwords: Passwords
    registry: Registry

    @property
    def database(self) -> str:
        """The shop's database."""
        return unquote(urlsplit(self.admin_url).path.removeprefix("/"))

    @property
    def state_database(self) -> str:
        """The workflow state store's database."""
        return f"{self.database}_{DAPR}"

    @property
    def admin_user(self) -> str:
        """The user who prepares the server."""
        return unquote(urlsplit(self.admin_url).username or "")

    def role(self, owner: str) -> str:
        """The login role of a service, of `dapr`, `audit_writer` or `auditor`."""
        return f"{self.database}_{owner}"

    def url_of(self, owner: str) -> str:
        """How a service, `dapr`, `audit_writer` or `auditor` connects."""
        database = self.state_database if owner == DAPR else self.database
        return self._url(database, self.role(owner), self.passwords[owner])

    def url_of_database(self, database: str) -> str:
        """How the administrator connects to another database."""
        parts = urlsplit(self.admin_url)
        return urlunsplit(parts._replace(path="/" + quote(database, safe="")))

    def _url(self, database: str, user: str, password: str) -> str:
        parts = urlsplit(self.admin_url)
        place = parts.netloc.rpartition("@")[2]
        credentials = f"{quote(user, safe='')}:{quote(password, safe='')}"
        return urlunsplit(parts._replace(netloc=f"{credentials}@{place}", path="/" + quote(database, safe="")))


def database_layout(settings: StackSettings, passwords: Passwords, address: str = LOOPBACK) -> DatabaseLayout:
    """The layout on the user's server (DATABASE_URL) or on the embedded one, as it is reached at `address`."""
    if settings.database_url is not None:
        return DatabaseLayout(settings.database_url, False, passwords, settings.registry)
    place = f"{address}:{port_at(settings, Offset.POSTGRES)}"
    url = f"postgresql://{EMBEDDED_SUPERUSER}:{passwords[SUPERUSER_PASSWORD]}@{place}/{EMBEDDED_DATABASE}"
    return DatabaseLayout(url, True, passwords, settings.registry)
