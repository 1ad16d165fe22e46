"""What a watch has seen: every state of the cluster in its order, where polling would miss some."""

from collections.abc import Iterator
from dataclasses import dataclass
from json import JSONDecodeError, JSONDecoder
from pathlib import Path

from tests.integration.deploy.manifests import Document


@dataclass(frozen=True)
class Watch:
    """The output of `kubectl get --watch --output-watch-events -o json`."""

    log: Path
    there: int
    """How many objects there were at first."""

    def moments(self) -> Iterator[list[Document]]:
        """All objects as they were after each change, first as they were found."""
        objects: dict[str, Document] = {}
        for count, event in enumerate(self._events(), start=1):
            name = event["object"]["metadata"]["name"]
            if event["type"] == "DELETED":
                objects.pop(name, None)
            else:
                objects[name] = event["object"]
            if count >= self.there:
                yield list(objects.values())

    def last(self) -> list[Document]:
        """The latest that was seen."""
        *_, last = self.moments()
        return last

    def _events(self) -> Iterator[Document]:
        text = self.log.read_text()
        place = 0
        while (place := _next(text, place)) < len(text):
            try:
                event, place = JSONDecoder().raw_decode(text, place)
            except JSONDecodeError:
                # Still being written.
                return
            yield event


def _next(text: str, place: int) -> int:
    """Where the next event begins."""
    while place < len(text) and text[place].isspace():
        place += 1
    return place
