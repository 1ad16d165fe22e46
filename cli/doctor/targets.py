"""Whom the doctor asks, and where: the local stack, a cluster's forwarded ports, or addresses given by hand."""

from collections.abc import Sequence
from dataclasses import dataclass

from devstack.errors import SettingsError, StackError, unknown_name
from devstack.supervisor.client import StackClient
from devstack.topology.addresses import sidecar_of
from shared.shop.registry import APPS

LOCAL_HOST = "127.0.0.1"


class CouldNotLookError(StackError):
    """Nobody could be asked."""

    exit_code = 2


@dataclass(frozen=True, slots=True)
class Target:
    """One app to ask. `place` tells its replicas apart: locally it is the app id, in a cluster the pod's name."""

    app_id: str
    place: str
    service_url: str
    sidecar_url: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """How a person looks further and repairs, where the targets live: patterns over `app_id` and `place`."""

    service_log: str = "the log of {app_id}"
    sidecar_log: str = "the log of {app_id}'s daprd"
    start_service: str = "start {app_id}"
    start_sidecar: str = "start {app_id}'s daprd"
    placement: str = "start placement, and see its log"
    scheduler: str = "start the scheduler, and see its log"

    def of(self, pattern: str, target: Target) -> str:
        """One of these patterns, for a target."""
        return pattern.format(app_id=target.app_id, place=target.place)


def sentence(words: str) -> str:
    """With a capital letter."""
    return words[:1].upper() + words[1:]


LOCAL = Surroundings(
    service_log="`shop logs {app_id}`",
    sidecar_log="`shop logs {app_id}-daprd`",
    start_service="`shop start {app_id}`",
    start_sidecar="`shop start {app_id}-daprd`",
    placement="`shop start placement`; see `shop logs placement`",
    scheduler="`shop start scheduler`; see `shop logs scheduler`",
)


def local_targets(client: StackClient) -> list[Target]:
    """The apps of the running stack.

    Raises:
        NotRunningError: none runs.
    """
    urls = client.urls()
    return [Target(app_id, app_id, urls[app_id], urls[sidecar_of(app_id)]) for app_id in APPS if app_id in urls]


def given_targets(words: Sequence[str]) -> list[Target]:
    """From words such as `payment-service=8081:3501`: the service's HTTP port and its sidecar's.

    Each port may be a whole address instead (`payment-service=http://10.0.0.7:8081,http://10.0.0.7:3500`).

    Raises:
        SettingsError: a word can't be read, or names no app of the shop.
    """
    targets = []
    for word in words:
        app_id, _, places = word.partition("=")
        service, _, sidecar = places.partition("," if "," in places else ":")
        if not service or not sidecar:
            raise SettingsError(f"--target {word}: it must look like payment-service=8081:3501")
        if app_id not in APPS:
            raise SettingsError(f"--target {word}: {unknown_name(app_id, APPS, 'app')}")
        targets.append(Target(app_id, app_id, _url(word, service), _url(word, sidecar)))
    return targets


def _url(word: str, place: str) -> str:
    if place.isdecimal():
        return f"http://{LOCAL_HOST}:{place}"
    if place.startswith(("http://", "https://")):
        return place.rstrip("/")
    raise SettingsError(f"--target {word}: {place!r} is neither a port nor an address")
