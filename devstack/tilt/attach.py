"""Attaches to a process of a stack under `shop supervise`, as a dev loop does: `python -m devstack.tilt.attach NAME`.

It starts the process, anew if it runs, shows its log, and ends with it: exit code 0 when it finished well. When this
ends, the process is stopped. One of these runs per process, so it imports nothing that is large.
"""

import http.client
import json
import os
import sys
import time
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, urlsplit

CONNECT_TIMEOUT_SECONDS = 10.0
RETRY_SECONDS = 0.3


def main() -> None:
    """Stay attached until the process or our parent ends; a supervisor that is started anew is found again."""
    name = sys.argv[1]
    home = Path(os.environ.get("SHOP_HOME") or Path(__file__).resolve().parents[2] / ".shop")
    parent = os.getppid()
    while os.getppid() == parent:
        code = _attached(home / "run" / "state.json", name)
        if code is not None:
            sys.exit(code)
        time.sleep(RETRY_SECONDS)


def _attached(state_file: Path, name: str) -> int | None:
    """The exit code, or None when the supervisor is away."""
    try:
        state = json.loads(state_file.read_text())
        place = urlsplit(state["control_url"])
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=CONNECT_TIMEOUT_SECONDS)
        connection.connect()
        # A log may be silent for as long as it likes.
        connection.sock.settimeout(None)
        connection.request("POST", f"/processes/{quote(name)}/attend", headers=_token(state["token"]))
        answer = connection.getresponse()
        if answer.status == HTTPStatus.NOT_FOUND:
            _show(json.loads(answer.read())["error"] + "\n")
            return 2
        if answer.status != HTTPStatus.OK:
            return None
        return _follow(answer, name)
    except (OSError, ValueError, KeyError, http.client.HTTPException):
        return None


def _follow(answer: http.client.HTTPResponse, name: str) -> int | None:
    for line in answer:
        message = json.loads(line)
        if "log" in message:
            _show(message["log"])
        else:
            why = message["end"]
            if why is not None:
                _show(f"{name} {why}\n")
            return 0 if why is None else 1
    return None


def _token(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def _show(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
