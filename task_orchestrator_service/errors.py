"""Why the task-orchestrator-service turns a task away. The docstring is the sentence for the client."""

from shared.web.requests import RequestRefusedError


class UnpackableError(RequestRefusedError):
    """lines: {why}."""
