"""Becomes one process of the stack, with its command and environment (`python -m devstack.dapr_cli.launch NAME`).

For starters of processes that aren't ours, such as `dapr run`: passwords and addresses stand in no file of theirs.
"""

import os
import sys

from devstack.errors import StackError
from devstack.settings import PROJECT_ROOT, load_settings
from devstack.supervisor.process import inherited_environment
from devstack.supervisor.stack import planned_topology


def main() -> None:
    """Replace this program by the process."""
    try:
        spec = planned_topology(load_settings()).process(sys.argv[1])
    except StackError as error:
        sys.exit(f"launch: {error}")
    command = spec.command_at(0)
    os.chdir(PROJECT_ROOT)
    os.execvpe(command[0], command, {**inherited_environment(os.environ), **spec.env})  # noqa: S606 - the point of it


if __name__ == "__main__":
    main()
