"""Finds the changes to a message that break a participant of another version.

While a new version is deployed, and for as long as orders of the old one run, both versions talk to each other: an old
reader gets new messages and a new reader gets old ones. So a field that was required can't go (an old reader
misses it), a new one can't be required (an old sender doesn't send it), and no value may appear or vanish that the
other side doesn't know. A request may take more than before: its participant is deployed before its callers.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems")
_EXACT: Final = ("pattern", "format", "const", "multipleOf", "uniqueItems", "prefixItems")


def breaking_changes(old: Mapping[str, Schema], new: Mapping[str, Schema]) -> list[str]:
    """One sentence per change from `old` to `new` that a participant of another version couldn't take.

    Both are as `schemas_today` returns them. An empty list means that the versions understand each other.
    """
    return [sentence for name in old for sentence in sorted(_message(name, old[name], new.get(name)))]


def _message(name: str, old: Schema, new: Schema | None) -> Iterator[str]:
    if new is None:
        yield f"{name} was removed: whoever still sends or expects it fails."
        return
    if old["direction"] != new["direction"]:
        yield f"{name} was a {old['direction']} and became a {new['direction']}."
    yield from _Comparison(old["schema"], new["schema"], is_reply=new["direction"] == "reply").run(name)


class _Comparison:
    """Compares two versions of one message, following references; each pair of references is compared once."""

    def __init__(self, old: Schema, new: Schema, *, is_reply: bool) -> None:
        self._old_root = old
        self._new_root = new
        self._is_reply = is_reply
        self._compared: set[tuple[str, str]] = set()

    def run(self, name: str) -> Iterator[str]:
        yield from self._compare(name, self._old_root, self._new_root)

    def _compare(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        references = (old.get("$ref", ""), new.get("$ref", ""))
        if all(references):
            if references in self._compared:
                return
            self._compared.add(references)
        old, new = _resolved(old, self._old_root), _resolved(new, self._new_root)
        if "anyOf" in old or "anyOf" in new:
            yield from self._alternatives(place, old, new)
            return
        if old.get("type") != new.get("type"):
            yield f"{place} changed its type from {_type(old)} to {_type(new)}."
            return
        yield from self._values(place, old, new)
        yield from _bounds(place, old, new)
        yield from self._fields(place, old, new)
        for part in ("items", "additionalProperties"):
            yield from self._part(place, part, old.get(part), new.get(part))

    def _fields(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        olds, news = old.get("properties", {}), new.get("properties", {})
        for field in sorted(olds.keys() | news.keys()):
            at = f"{place}.{field}"
            if field not in news:
                yield from _removed(at, new, was_required=field in old.get("required", ()))
            elif field not in olds:
                yield from _added(at, old, is_required=field in new.get("required", ()))
            else:
                yield from _presence(at, field, old, new)
                yield from self._compare(at, olds[field], news[field])

    def _values(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        if "enum" not in old and "enum" not in new:
            return
        if "enum" not in old:
            yield f"{place} took any value and now only {_listed(new['enum'])}."
            return
        if "enum" not in new:
            yield f"{place} took only {_listed(old['enum'])} and now any value, which an older reader doesn't know."
            return
        removed = [value for value in old["enum"] if value not in new["enum"]]
        added = [value for value in new["enum"] if value not in old["enum"]]
        if removed:
            yield f"{place} no longer takes {_listed(removed)}, which an older sender may send."
        if added and self._is_reply:
            yield f"{place} may now be {_listed(added)}, which an older saga doesn't know."

    def _alternatives(self, place: str, old: Schema, new: Schema) -> Iterator[str]:
        olds, news = old.get("anyOf", [old]), new.get("anyOf", [new])
        by_type = {_type(_resolved(one, self._new_root)): one for one in news}
        known = {_type(_resolved(one, self._old_root)) for one in olds}
        for one in olds:
            kind = _type(_resolved(one, self._old_root))
            if kind in by_type:
                yield from self._compare(place, one, by_type[kind])
            else:
                yield f"{place} can no longer be {kind}, which an older sender may send."
        for kind in sorted(by_type.keys() - known):
            yield f"{place} can now be {kind}, which an older reader doesn't know."

    def _part(self, place: str, part: str, old: Any, new: Any) -> Iterator[str]:  # noqa: ANN401 - schema, bool or None
        at = f"{place}[]" if part == "items" else f"{place}.*"
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from self._compare(at, old, new)
        elif part == "additionalProperties" and new is False and old is not False:
            yield f"{place} now turns away unknown fields, so that it can't read a newer message."
        elif isinstance(new, Mapping) and old is not False:
            yield f"{at} took anything and now only {_type(new)}."


def _removed(place: str, new: Schema, *, was_required: bool) -> Iterator[str]:
    if was_required:
        yield f"{place} was removed, but an older reader requires it."
    elif new.get("additionalProperties") is False:
        yield f"{place} was removed, and a newer reader turns away what an older sender still sends."


def _added(place: str, old: Schema, *, is_required: bool) -> Iterator[str]:
    if is_required:
        yield f"{place} is new and required, but an older sender doesn't send it."
    elif old.get("additionalProperties") is False:
        yield f"{place} is new, and an older reader turns away fields that it doesn't know."


def _presence(place: str, field: str, old: Schema, new: Schema) -> Iterator[str]:
    was_required, is_required = field in old.get("required", ()), field in new.get("required", ())
    if is_required and not was_required:
        yield f"{place} became required, but an older sender may leave it out."
    elif was_required and not is_required:
        yield f"{place} became optional, but an older reader requires it."
    elif old["properties"][field].get("default") != new["properties"][field].get("default"):
        yield f"{place} changed its default: a message without it means something else to each version."


def _bounds(place: str, old: Schema, new: Schema) -> Iterator[str]:
    for bound in _LOWER:
        if bound in new and (bound not in old or new[bound] > old[bound]):
            yield f"{place} has a tighter {bound}: {old.get(bound, 'none')} became {new[bound]}."
    for bound in _UPPER:
        if bound in new and (bound not in old or new[bound] < old[bound]):
            yield f"{place} has a tighter {bound}: {old.get(bound, 'none')} became {new[bound]}."
    for rule in _EXACT:
        if old.get(rule) != new.get(rule):
            yield f"{place} changed its {rule} from {old.get(rule, 'none')} to {new.get(rule, 'none')}."


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        # What stands beside a reference, such as a default, is compared with the field that carries it.
        name = schema["$ref"].rpartition("/")[2]
        schema = root if schema["$ref"] == "#" else root["$defs"][name]
    return schema


def _type(schema: Schema) -> str:
    kind = schema.get("type", "anything")
    return f"{kind} ({schema['format']})" if "format" in schema else str(kind)


def _listed(values: list[Any]) -> str:
    return ", ".join(repr(value) for value in values)
