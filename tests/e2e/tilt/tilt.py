"""Runs the real Tilt on a copy of the project."""

import json
import signal
import subprocess
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from http.cookiejar import CookieJar
from pathlib import Path
from types import MappingProxyType
from typing import Any

from devstack.supervisor.client import StackClient
from devstack.supervisor.state import end_leftovers
from tests.e2e.tilt.project import Project
from tests.integration.devstack.harness import eventually

CI_WITHIN_SECONDS = 240
STOPS_WITHIN_SECONDS = 60
QUIET = {"TILT_DISABLE_ANALYTICS": "1", "TILT_CLOUD_ADDRESS": "localhost:9"}


class Tilt:
    """One Tilt: program, project and port."""

    def __init__(self, program: Path, project: Project, port: int) -> None:
        self.program = program
        self.project = project
        self.port = port
        self.log = project.folder / ".shop" / "tilt.log"
        self.stack = StackClient(project.settings.home)
        tilt_folder = {"TILT_DEV_DIR": str(project.folder / ".shop" / "tilt")}
        self._environment = {**project.environment, **QUIET, **tilt_folder}

    def run(
        self, *arguments: str, timeout_seconds: float = 60, variables: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.CompletedProcess[str]:
        """Run a Tilt command to its end."""
        return subprocess.run(
            [self.program, *arguments],
            cwd=self.project.folder,
            env={**self._environment, **variables},
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout_seconds,
        )

    def ci(self) -> subprocess.CompletedProcess[str]:
        """`tilt ci` on all of the shop; when it returns, its stack has ended."""
        port = ("--port", str(self.port), "--timeout", f"{CI_WITHIN_SECONDS}s")
        finished = self.run("ci", *port, timeout_seconds=CI_WITHIN_SECONDS + 30)
        self.wait_until_ended()
        return finished

    @contextmanager
    def up(self) -> Iterator[subprocess.Popen[bytes]]:
        """`tilt up` on the core, everything ready; ended in the end, unless the test did."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [self.program, "up", "--stream", "--port", str(self.port), "--", "--only", "core"],
                cwd=self.project.folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            eventually(lambda: process.poll() is not None or self.stack.is_running(), "the supervisor runs", 60)
            self.stack.wait_ready(timeout_seconds=240)
            yield process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(STOPS_WITHIN_SECONDS)
            self.wait_until_ended()
            # Only if the test has failed.
            end_leftovers(self.project.settings.home)

    def wait_until_ended(self) -> None:
        """Return when the stack's supervisor, and with it all that it ran, has ended."""
        eventually(lambda: not self.stack.is_running(), "the stack has ended", STOPS_WITHIN_SECONDS)

    def resource(self, name: str) -> dict[str, Any]:
        """What Tilt shows of a resource."""
        answer = self.run("get", "uiresource", name, "-o", "json", "--port", str(self.port))
        assert answer.returncode == 0, answer.stderr
        status: dict[str, Any] = json.loads(answer.stdout)["status"]
        return status

    def trigger(self, name: str) -> None:
        """Start a manual resource, as its arrow on the page does."""
        answer = self.run("trigger", name, "--port", str(self.port))
        assert answer.returncode == 0, answer.stderr

    def click(self, button: str, **choices: str) -> None:
        """Press a button as the page does, with what was chosen beside it."""
        base = f"http://127.0.0.1:{self.port}"
        # The page's cookie lets a request through.
        page = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        page.open(f"{base}/").close()
        place = f"{base}/proxy/apis/tilt.dev/v1alpha1/uibuttons/{button}"
        with page.open(place) as answer:
            shown = json.load(answer)
        shown["status"]["lastClickedAt"] = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        shown["status"]["inputs"] = [{"name": name, "choice": {"value": value}} for name, value in choices.items()]
        body = json.dumps(shown).encode()
        headers = {"Content-Type": "application/json"}
        page.open(urllib.request.Request(f"{place}/status", body, headers, method="PUT")).close()
