"""What an app declares about itself, once, and the registry of the apps that make up a system.

A registry is a value that is passed to whoever needs it: a second system beside the first has its own.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from shared.contracts.contract import AnyContract, ChildContract

Readable = Mapping[str, tuple[str, ...]]
"""By table of one schema: the columns."""
STEP_COLUMNS: Final = ("saga_id", "step", "state", "updated_at", "repeats")
BY_HAND_COLUMNS: Final = ("saga_id", "step", "repair_id", "status", "amount", "unit", "decided_by", "note", "closed_at")
QUARANTINE_COLUMNS: Final = ("saga_id", "step", "what", "deaths")
"""What an auditor's questions read of every participant's `saga_steps` and `hand_closings`, and every `quarantine`."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule of conservation: its name, its promise, and the query (subject, detail) for what breaks it."""

    name: str
    promise: str
    violations: str


@dataclass(frozen=True, slots=True)
class HandBooks:
    """Where a participant's own books show what persons closed by hand; a rule compares them with its `hand_closings`.

    `query` selects (saga_id, step, status, amount), with `settled` or `written_off` as status.
    """

    rule: str
    meaning: str
    query: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class App:
    """One app: what it offers and calls, what its schema holds for others, and what its process needs."""

    app_id: str
    group: str
    """The part of the stack that it is started with."""
    contracts: tuple[AnyContract, ...] = ()
    """The activities that it must register. One with an undo makes the app a participant of a saga."""
    children: tuple[ChildContract[Any, Any], ...] = ()
    """The workflows that others call as their child."""
    workflows: tuple[str, ...] = ()
    """The workflows that it must register besides."""
    calls: tuple[AnyContract, ...] = ()
    """The activities of other apps that its workflows call."""
    calls_children: tuple[ChildContract[Any, Any], ...] = ()
    event_family: str | None = None
    """The part before the dot of the event types that it publishes, from an outbox in its schema."""
    takes_events: bool = False
    """Its sidecar loads the pub/sub component, and delivers events to its HTTP port."""
    has_sidecar: bool = True
    shows: Readable = field(default_factory=dict)
    """What an auditor may read of its own tables."""
    hand_books: HandBooks | None = None
    rules: tuple[Rule, ...] = ()
    """What must add up in its own books, alone or beside the orders."""
    peers: Mapping[str, str] = field(default_factory=dict)
    """By variable: the program whose HTTP address it holds."""
    databases: Mapping[str, str] = field(default_factory=dict)
    """By variable: the login role of a database URL besides its own, or instead of it."""

    @property
    def package(self) -> str:
        """Its package, which is also its schema and the suffix of its login role."""
        return self.app_id.replace("-", "_")

    @property
    def database_roles(self) -> Mapping[str, str]:
        """By variable: the login role of each of its database URLs."""
        return {"SERVICE_DATABASE_URL": self.package, **self.databases}

    @property
    def source(self) -> str:
        """The source of its events."""
        return f"/{self.app_id}"

    @property
    def has_worker(self) -> bool:
        """It runs activities or workflows, so that its sidecar waits for its worker."""
        return bool(self.contracts or self.registered_workflows)

    @property
    def registered_workflows(self) -> tuple[str, ...]:
        """The workflows that it must register, its own and those that others call."""
        return (*self.workflows, *(child.workflow for child in self.children))

    @property
    def auditor_reads(self) -> Readable:
        """What an auditor may read in its schema, with what it may read in every participant's, and of every app."""
        of_participants = {"saga_steps": STEP_COLUMNS, "hand_closings": BY_HAND_COLUMNS}
        return {
            **self.shows,
            **(of_participants if self.is_participant else {}),
            **({"quarantine": QUARANTINE_COLUMNS} if self.has_sidecar else {}),
        }

    @property
    def is_participant(self) -> bool:
        """It takes part in a saga: it has a fence, and a step can be closed by hand."""
        return any(contract.undo is not None for contract in self.contracts)


@dataclass(frozen=True, slots=True, eq=False)
class Registry:
    """All programs of a system. The order is that of their ports: a new app comes last."""

    apps: tuple[App, ...]

    def app(self, app_id: str) -> App:
        """The app of this id.

        Raises:
            KeyError: there is none.
        """
        if (found := self.find(app_id)) is None:
            raise KeyError(app_id)
        return found

    def find(self, app_id: str) -> App | None:
        """The app of this id; None if it is another system's."""
        return next((one for one in self.apps if one.app_id == app_id), None)

    @property
    def app_ids(self) -> tuple[str, ...]:
        """Those with a sidecar."""
        return tuple(one.app_id for one in self.apps if one.has_sidecar)

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups, in the order of their first app."""
        return tuple(dict.fromkeys(one.group for one in self.apps))

    def of_group(self, group: str) -> tuple[str, ...]:
        """The apps with a sidecar of a group."""
        return tuple(one.app_id for one in self.apps if one.group == group and one.has_sidecar)

    @property
    def event_apps(self) -> tuple[str, ...]:
        """Those whose sidecars load the pub/sub component."""
        return tuple(one.app_id for one in self.apps if one.takes_events)

    @property
    def event_groups(self) -> frozenset[str]:
        """The groups of those: a broker belongs to them."""
        return frozenset(one.group for one in self.apps if one.takes_events)

    @property
    def schemas(self) -> tuple[str, ...]:
        """Each program's own schema, which its login role owns."""
        return tuple(one.package for one in self.apps)

    @property
    def readable_schemas(self) -> tuple[str, ...]:
        """Those of which an auditor may read something."""
        return tuple(one.package for one in self.apps if one.auditor_reads)

    @property
    def contracts(self) -> tuple[AnyContract, ...]:
        """All activities."""
        return tuple(contract for one in self.apps for contract in one.contracts)

    @property
    def children(self) -> tuple[ChildContract[Any, Any], ...]:
        """All workflows that are called as a child."""
        return tuple(child for one in self.apps for child in one.children)

    @property
    def callers(self) -> tuple[App, ...]:
        """Those whose workflows call activities of other apps."""
        return tuple(one for one in self.apps if one.calls)

    @property
    def participants(self) -> tuple[App, ...]:
        """Those with a fence that holds steps of a saga."""
        return tuple(one for one in self.apps if one.is_participant)

    @property
    def sources(self) -> Mapping[str, str]:
        """By family of events: their source."""
        return {one.event_family: one.source for one in self.apps if one.event_family is not None}

    @property
    def outboxes(self) -> Mapping[str, str]:
        """By source of events: the schema of its outbox."""
        return {one.source: one.package for one in self.apps if one.event_family is not None}

    def callers_of(self, callee: App) -> Iterator[App]:
        """The apps whose workflows call something of `callee`."""
        for one in self.apps:
            called = {call.app_id for call in one.calls} | {child.app_id for child in one.calls_children}
            if one is not callee and callee.app_id in called:
                yield one
