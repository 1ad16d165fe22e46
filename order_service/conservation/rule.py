"""One rule of conservation."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: its name, its promise, and the query (subject, detail) for violations."""

    name: str
    promise: str
    violations: str
