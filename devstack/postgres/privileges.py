"""How root runs Postgres, which refuses to be root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from devstack.errors import StackError

# The id that root appears as inside its own user namespace; any but 0 would do.
INNER_ID = 1000
FALLBACK_USERS = ("postgres", "nobody")


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
