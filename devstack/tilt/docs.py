"""Serves the documents in docs/ on loopback, for the links of a dev loop (`python -m devstack.tilt.docs PORT`)."""

import os
import sys
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from devstack.settings import PROJECT_ROOT
from devstack.topology.addresses import LOOPBACK

PARENT_POLL_SECONDS = 0.5


class _Documents(SimpleHTTPRequestHandler):
    # Browsers save what they take for Markdown instead of showing it.
    extensions_map = {"": "application/octet-stream", ".md": "text/plain; charset=utf-8"}  # noqa: RUF012 - so in the base

    def log_message(self, *_: object) -> None:
        """Say nothing: nobody wants to read who has read what."""


def main() -> None:
    """Serve until a signal, or the end of the parent process."""
    parent = os.getppid()
    handler = partial(_Documents, directory=str(PROJECT_ROOT / "docs"))
    server = ThreadingHTTPServer((LOOPBACK, int(sys.argv[1])), handler)
    Thread(target=server.serve_forever, daemon=True).start()
    while os.getppid() == parent:
        time.sleep(PARENT_POLL_SECONDS)


if __name__ == "__main__":
    main()
