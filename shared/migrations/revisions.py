"""A service's revisions: which there are, which its schema still lacks, and how one of them is applied."""

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from shared.contracts.app import Readable

_ENVIRONMENT: Final = Path(__file__).parent


class NewerSchemaError(Exception):
    """The schema is newer than this code: it has a revision that the code doesn't bring."""


def revisions_in(versions: Path) -> tuple[str, ...]:
    """The revisions that a service's code brings, oldest first."""
    return tuple(script.revision for script in ScriptDirectory.from_config(_config(versions)).walk_revisions())[::-1]


def lacking(connection: Connection, versions: Path) -> tuple[str, ...]:
    """The revisions that the schema lacks, oldest first.

    Raises:
        NewerSchemaError: with a sentence that says what to do.
    """
    known = revisions_in(versions)
    applied = MigrationContext.configure(connection).get_current_revision()
    if applied is None:
        return known
    if applied not in known:
        newest = known[-1] if known else "none"
        raise NewerSchemaError(
            f"{versions.parent.name}: its schema has revision {applied}, which this version of the code doesn't know "
            f"(its newest is {newest}): deploy the newer version, or restore the database from before that revision."
        )
    return known[known.index(applied) + 1 :]


def apply(connection: Connection, versions: Path, readable: Readable, revision: str) -> None:
    """Apply this revision, in a transaction of its own; of what it adds, an auditor may read these columns."""
    config = _config(versions)
    config.attributes["connection"] = connection
    config.attributes["readable"] = readable
    command.upgrade(config, revision)


def _config(versions: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", _literally(_ENVIRONMENT))
    config.set_main_option("version_locations", _literally(versions))
    config.set_main_option("path_separator", "newline")
    return config


def _literally(path: Path) -> str:
    """Alembic keeps its options in a configparser, to which a percent sign begins a reference."""
    return str(path).replace("%", "%%")
