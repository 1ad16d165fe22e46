"""Which tests run on one worker: those that share what is dear to start."""

from pathlib import PurePosixPath
from typing import Final

from xdist.scheduler import LoadScopeScheduling

STACK_OF_FOLDER: Final = PurePosixPath("tests/e2e")
"""All tests of a folder below it share a stack; elsewhere at most those of a file do."""


class OneWorkerPerStack(LoadScopeScheduling):
    """Hands out tests by the stack that they share, so that none is started twice.

    Marks (`xdist_group`) would be the usual way, but pytest 9.2 doesn't see what xdist 3.8 does with them.
    """

    def _split_scope(self, nodeid: str) -> str:
        return stack_of(nodeid)


def stack_of(nodeid: str) -> str:
    """The folder or the file whose tests share a stack with this one."""
    file = PurePosixPath(nodeid.partition("::")[0])
    below = STACK_OF_FOLDER in file.parents and file.parent != STACK_OF_FOLDER
    return str(file.parent if below else file)
