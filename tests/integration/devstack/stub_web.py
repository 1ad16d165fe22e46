"""The smallest process that can be supervised: answers 200 on its port, and writes down when it is asked to stop.

usage: stub_web.py ADDRESS PORT JOURNAL [never-ready | dies | stubborn | has-a-child]
"""

import os
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import FrameType


def main() -> None:
    address, port, journal, behaviour = sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), (*sys.argv[4:], "")[0]
    print("a line of its log", flush=True)  # noqa: T201
    if behaviour == "dies":
        sys.exit("it can't find what it needs")

    if behaviour == "has-a-child":
        subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE, start_new_session=True)

    def stop(_number: int, _frame: FrameType | None) -> None:
        with journal.open("a") as stream:
            stream.write(f"{os.environ['STUB_NAME']}\n")
        if behaviour != "stubborn":
            os._exit(0)

    signal.signal(signal.SIGTERM, stop)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(503 if behaviour == "never-ready" else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    HTTPServer((address, port), Handler).serve_forever()


if __name__ == "__main__":
    main()
