"""Which broker is taken, who gets its address, and that the saga's apps aren't."""

import os
import re
from pathlib import Path

import pytest

from devstack.errors import RuntimeMissingError, SettingsError
from devstack.postgres.passwords import password_names
from devstack.programs.build import BROKER_PROGRAM, broker_cache, ensure_broker, find_broker, pinned_broker
from devstack.programs.go_build import version_numbers
from devstack.settings import StackSettings, load_settings
from devstack.topology.addresses import sidecar_of
from devstack.topology.infrastructure import COMPONENTS, broker_address
from devstack.topology.specs import ONE_HOST, Topology
from devstack.topology.topology import build_topology
from shared.shop.notification import NOTIFICATION_SERVICE
from shared.shop.registry import CORE_APPS, SHOP

pytestmark = pytest.mark.unit

PASSWORDS = {name: f"secret-{index:02}" for index, name in enumerate(password_names(SHOP))}

GO = """#!/bin/sh
case "$1 $2" in
"env GOVERSION") echo go1.99.0 ;;
"env "*) echo /tmp ;;
*) echo x > "$GOBIN/nats-server" ;;
esac
"""
NO_NETWORK = GO.replace('*) echo x > "$GOBIN/nats-server"', "*) echo 'dial tcp: no such host' >&2; exit 1")


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackSettings:
    """Settings of a machine that has no broker."""
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    for name in ("NATS_SERVER", "NATS_URL"):
        monkeypatch.delenv(name, raising=False)
    return load_settings(home=tmp_path / "shop")


def script(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


def a_server(folder: Path, version: str) -> Path:
    return script(folder / BROKER_PROGRAM, f"#!/bin/sh\necho nats-server: v{version}\n")


def put_on_path(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def a_topology(settings: StackSettings) -> Topology:
    return build_topology(settings, PASSWORDS, Path("/dapr"))


def test_the_pin_is_read_from_go_mod() -> None:
    """The one place where the broker's version is written."""
    assert version_numbers(pinned_broker()) >= (2, 15)


def test_a_missing_broker_is_built_once(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And found afterwards."""
    put_on_path(monkeypatch, script(tmp_path / "go" / "go", GO).parent)
    assert find_broker(settings) is None

    built = ensure_broker(settings, lambda _line: None)

    assert broker_cache(settings) / BROKER_PROGRAM == built
    assert find_broker(settings) == built


def test_a_failed_build_says_what_else_can_be_done(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence with the place of the log."""
    put_on_path(monkeypatch, script(tmp_path / "go" / "go", NO_NETWORK).parent)

    with pytest.raises(RuntimeMissingError, match=r"the broker .* can't be fetched.*broker-build\.log"):
        ensure_broker(settings, lambda _line: None)


def test_the_users_own_is_taken_from_the_path(
    settings: StackSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If it is new enough."""
    put_on_path(monkeypatch, a_server(tmp_path / "old", "2.9.25").parent)
    assert find_broker(settings) is None

    put_on_path(monkeypatch, a_server(tmp_path / "new", "2.12.1").parent)

    assert tmp_path / "new" / BROKER_PROGRAM == find_broker(settings)


def test_a_demanded_program_must_do(settings: StackSettings, tmp_path: Path) -> None:
    """NATS_SERVER is an order: what is wrong with it is said, not worked around."""
    wrong = settings.model_copy(update={"nats_server": a_server(tmp_path / "old", "2.9.25")})

    with pytest.raises(RuntimeMissingError, match=r"NATS_SERVER=.*2\.10\.0 or newer"):
        find_broker(wrong)


@pytest.mark.parametrize("url", ["redis://h:1", "nats://", "nats://h:port", "h:4222", "nats://a:1,b:2"])
def test_a_url_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Without showing it, since it may hold a password."""
    monkeypatch.setenv("NATS_URL", url)

    with pytest.raises(SettingsError, match=r"NATS_URL: must look like nats://") as caught:
        load_settings()

    assert url not in str(caught.value).replace("nats://user:password@host:4222", "")


def test_the_users_broker_replaces_the_embedded_one(settings: StackSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sidecars get the URL; the apps only the place, without the password."""
    monkeypatch.setenv("NATS_URL", "tls://me:word@broker.example,nats://other:5222")
    own = load_settings(home=settings.home)

    topology = a_topology(own)

    assert "broker" not in topology.names
    assert topology.process("streams").starts_after == ()
    sidecar = topology.process(sidecar_of(NOTIFICATION_SERVICE))
    assert sidecar.env["NATS_URL"] == "tls://me:word@broker.example,nats://other:5222"
    assert topology.process(NOTIFICATION_SERVICE).env["BROKER_URL"] == "nats://broker.example:4222"
    assert own.environment()["NATS_URL"] == "tls://me:word@broker.example,nats://other:5222"


def test_an_ipv6_broker_keeps_its_brackets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else its port couldn't be told from its address."""
    monkeypatch.setenv("NATS_URL", "nats://[::1]:5222")

    assert broker_address(load_settings(), ONE_HOST.main) == "nats://[::1]:5222"


def test_the_saga_never_depends_on_the_broker(settings: StackSettings) -> None:
    """No sidecar of the core loads the component: with a broker that is away it wouldn't start."""
    topology = a_topology(settings)
    scopes = re.findall(r"^  - (\S+)$", (COMPONENTS / "pubsub.yaml").read_text(), re.MULTILINE)

    assert sorted(SHOP.event_apps) == sorted(scopes)
    assert set(CORE_APPS).isdisjoint(scopes)
    for app_id in CORE_APPS:
        sidecar = topology.process(sidecar_of(app_id))
        assert "NATS_URL" not in sidecar.env
        assert "streams" not in sidecar.starts_after
    assert {"broker", "streams"}.isdisjoint(topology.only(["core"]).names)


def test_a_consumers_sidecar_delivers_to_its_app_after_the_streams_are_there(settings: StackSettings) -> None:
    """Without a stream a subscription would only be tried again and again."""
    topology = a_topology(settings)
    sidecar = topology.process(sidecar_of(NOTIFICATION_SERVICE))

    assert f"--app-port={topology.process(NOTIFICATION_SERVICE).env['SERVICE_HTTP_PORT']}" in sidecar.command
    assert "--app-protocol=http" in sidecar.command
    assert "streams" in sidecar.starts_after
    assert {NOTIFICATION_SERVICE, sidecar_of(NOTIFICATION_SERVICE)} <= set(topology.stopped_before("broker"))
