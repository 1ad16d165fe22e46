"""kubectl, as a person uses it."""

import contextlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.cluster.watch import Watch
from tests.integration.deploy.manifests import NAMESPACE
from tests.integration.devstack.harness import eventually, running

Document = dict[str, Any]


class RefusedError(Exception):
    """What the API server said to a request that it refused."""


@dataclass(frozen=True)
class Kubectl:
    """One cluster, as its administrator."""

    program: Path
    kubeconfig: Path
    namespace: str = NAMESPACE

    def run(self, *arguments: str, stdin: str | None = None) -> str:
        """What it prints.

        Raises:
            RefusedError: it failed.
        """
        answer = subprocess.run(
            self._command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            raise RefusedError(answer.stderr.strip() or answer.stdout.strip())
        return answer.stdout

    def apply(self, *documents: Document, strict: bool = True) -> str:
        """Apply documents as they are."""
        listed = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
        validate = "--validate=strict" if strict else "--validate=false"
        return self.run("apply", validate, "-f", "-", stdin=json.dumps(listed))

    def would_take(self, document: Document) -> str:
        """Ask the server, admission included, without keeping anything.

        Raises:
            RefusedError: it wouldn't.
        """
        return self.run("create", "--dry-run=server", "--validate=strict", "-f", "-", stdin=json.dumps(document))

    def get(self, kind: str, *arguments: str) -> list[Document]:
        """All objects of a kind in the namespace."""
        found: list[Document] = json.loads(self.run("get", kind, "-o", "json", *arguments))["items"]
        return found

    @contextlib.contextmanager
    def watching(self, kind: str, log: Path) -> Iterator[Watch]:
        """See every change of a kind in the namespace, from those that are there now on."""
        there = len(self.get(kind))
        command = self._command("get", kind, "--watch", "--output-watch-events", "-o", "json")
        with running(command, {}, log):
            watch = Watch(log, there)
            eventually(lambda: list(watch.moments()), f"the watch shows the {there} {kind} that are there")
            yield watch

    def evict(self, pod: str) -> None:
        """Ask for what a drained node asks for.

        Raises:
            RefusedError: a disruption budget forbids it now.
        """
        eviction = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": pod}}
        path = f"/api/v1/namespaces/{self.namespace}/pods/{pod}/eviction"
        self.run("create", "--raw", path, "-f", "-", stdin=json.dumps(eviction))

    def answers(self, path: str) -> bool:
        """Whether the API server says ok there."""
        try:
            return self.run("get", "--raw", path).strip() == "ok"
        except RefusedError:
            return False

    def _command(self, *arguments: str) -> list[str]:
        return [str(self.program), "--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace, *arguments]
