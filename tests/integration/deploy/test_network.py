"""Who may speak to whom: each way that the shop needs is open at both of its ends, and no other."""

from dataclasses import dataclass
from typing import Any, Final

import pytest

from shared.shop.registry import APPS, SHOP
from tests.integration.deploy.manifests import Manifests, matches

pytestmark = pytest.mark.integration

HTTP, INTERNAL = 8080, 50002
# Within the namespace by HTTP, beside the sidecars' calls of one another.
CALLS: Final = {(app.app_id, peer) for app in SHOP.apps for peer in app.peers.values()}
MAIL: Final = {("notification-service", "mailbox")}
BROKER_PORT = 4222


@dataclass(frozen=True)
class Pods:
    """The pods of an overlay, and what its policies let them do."""

    manifests: Manifests

    def open_between(self, source: str, target: str, port: int) -> bool:
        """Whether a packet of one pod reaches another: each end must allow it."""
        return self._allows("Egress", source, target, port) and self._allows("Ingress", target, source, port)

    def _allows(self, direction: str, pod: str, other: str, port: int) -> bool:
        peers, rules = ("to", "egress") if direction == "Egress" else ("from", "ingress")
        for policy in self.manifests.of_kind("NetworkPolicy").values():
            spec = policy["spec"]
            if direction not in spec["policyTypes"] or not matches(spec["podSelector"], self._labels(pod)):
                continue
            for rule in spec.get(rules, []):
                ports = {one["port"] for one in rule.get("ports", [])}
                if (not ports or port in ports) and self._is_peer(rule.get(peers), other):
                    return True
        return False

    def _is_peer(self, peers: list[dict[str, Any]] | None, other: str) -> bool:
        if peers is None:
            return True
        # One with a namespace selector means pods elsewhere.
        here = [peer["podSelector"] for peer in peers if "namespaceSelector" not in peer]
        return any(matches(selector, self._labels(other)) for selector in here)

    def _labels(self, pod: str) -> dict[str, str]:
        labels: dict[str, str] = self.manifests.pods[pod]["metadata"]["labels"]
        return labels


def test_http_goes_where_the_shop_needs_it_and_nowhere_else(manifests: Manifests) -> None:
    """A pod that is taken over can't ask the others' desks."""
    pods = Pods(manifests)
    names = set(manifests.pods)

    found = {
        (source, target)
        for source in names
        for target in names
        if source != target and pods.open_between(source, target, HTTP)
    }

    assert (CALLS | MAIL if "mailbox" in names else CALLS) == found


def test_sidecars_reach_each_other_and_the_control_plane(manifests: Manifests) -> None:
    """All of them: any sidecar may host what another one calls. The gateway has none."""
    pods = Pods(manifests)
    for source in APPS:
        for target in APPS:
            assert pods.open_between(source, target, INTERNAL), (source, target)
    assert not pods.open_between("payment-gateway", "order-service", INTERNAL)
    (rule,) = manifests.of_kind("NetworkPolicy")["dapr-control-plane"]["spec"]["egress"]
    assert [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "dapr-system"}}}] == rule["to"]


def test_the_broker_is_open_to_those_who_have_to_do_with_events(all_manifests: dict[str, Manifests]) -> None:
    """Their sidecars load the component, and they look themselves whether it is there."""
    demo = Pods(all_manifests["demo"])

    admitted = {
        name for name in demo.manifests.pods if name != "broker" and demo.open_between(name, "broker", BROKER_PORT)
    }
    assert set(SHOP.event_apps) == admitted


def test_nothing_is_open_that_no_policy_names(manifests: Manifests) -> None:
    """A new pod may first do nothing at all."""
    policy = manifests.of_kind("NetworkPolicy")["nothing-else"]["spec"]

    assert {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]} == policy


def test_the_front_door_is_open_to_the_ingress_only(manifests: Manifests) -> None:
    """From outside of the namespace only the order-service is reached, and metrics by who collects them."""
    outside = {
        name: [peer["namespaceSelector"]["matchLabels"] for peer in _peers(policy) if "namespaceSelector" in peer]
        for name, policy in manifests.of_kind("NetworkPolicy").items()
    }

    assert {
        "order-service": [{"saga-shop/front-door": "true"}],
        "metrics": [{"kubernetes.io/metadata.name": "monitoring"}],
    } == {name: found for name, found in outside.items() if found}


def _peers(policy: dict[str, Any]) -> list[dict[str, Any]]:
    return [peer for rule in policy["spec"].get("ingress", []) for peer in rule.get("from", [])]
