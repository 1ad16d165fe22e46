"""Why the task-orchestrator-service turns a task away, with a sentence for the client."""

from shared.web.requests import RequestRefusedError


class UnpackableError(RequestRefusedError):
    sentence = "lines: {why}."
