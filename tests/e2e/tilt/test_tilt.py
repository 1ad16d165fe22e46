"""The dev loop: the real Tilt on a copy of the project, which the tests edit."""

import contextlib
import signal

import psutil
import pytest

from devstack.settings import PROJECT_ROOT
from shared.shop.registry import APPS
from tests.e2e.shop import Shop
from tests.e2e.tilt.project import TIERS, Project
from tests.e2e.tilt.tilt import Tilt
from tests.integration.devstack.harness import eventually

pytestmark = pytest.mark.timeout(900)

PAYMENT = "payment-service"
WITHIN_SECONDS = 180.0
"""A whole shop runs, beside the tests of the other worker."""
BREAKS = "\nraise SystemExit(7)  # the test's\n"


def test_ci_is_green_when_all_is_ready_and_the_demo_holds(tilt: Tilt) -> None:
    """From nothing: binaries, database, streams, services; then each case of the demo; then nothing is left."""
    finished = tilt.ci()

    assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-2000:]
    assert "orders came out as expected" in finished.stdout
    assert [app_id for app_id in APPS if f'"app_id": "{app_id}"' not in finished.stdout] == []
    assert "SUCCESS" in finished.stdout


def test_ci_is_red_when_a_service_is_broken(tilt: Tilt, project: Project) -> None:
    """At once, instead of waiting to a deadline, and the output names the service."""
    project.append("payment_service/__init__.py", BREAKS)

    finished = tilt.ci()

    assert finished.returncode == 1
    assert f"{PAYMENT} ended with exit code 7" in finished.stdout
    assert "orders came out as expected" not in finished.stdout


def test_a_day_with_tilt(tilt: Tilt, project: Project) -> None:
    """One stack for all: buttons, an edit, a break and its repair, and a Tilt that is killed."""
    project.has_one_test_a_tier()
    with tilt.up() as process:
        orders_by_button(tilt)
        each_tier_by_button(tilt)
        a_load_by_hand(tilt)
        an_edit_restarts_one_service(tilt, project)
        a_break_is_shown_until_it_is_repaired(tilt, project)
        process.send_signal(signal.SIGKILL)
        eventually(lambda: not left_of(project), "a killed Tilt leaves nothing", WITHIN_SECONDS)


def orders_by_button(tilt: Tilt) -> None:
    """A click places an order, which the shop completes; another one that it undoes."""
    shop = Shop(tilt.stack, tilt.project.settings.api_url)
    tilt.click("demo-order")
    eventually(lambda: statuses(shop) == ["completed"], "the demo order completes", WITHIN_SECONDS)
    tilt.click("failing-order", ACTIVITY="book_shipment", MODE="refuse")
    eventually(
        lambda: sorted(statuses(shop)) == ["compensated", "completed"], "the failing order is undone", WITHIN_SECONDS
    )
    tilt.click("conservation")
    eventually(lambda: "conservation holds" in tilt.log.read_text(), "the check is shown", WITHIN_SECONDS)


def each_tier_by_button(tilt: Tilt) -> None:
    """The buttons of the bar run the resources, which keep how they ended."""
    for tier in TIERS:
        assert tilt.resource(tier)["updateStatus"] == "none"
        tilt.click(f"run-{tier}")
    eventually(
        lambda: all(ended_well(tilt, tier) for tier in TIERS), "the tests of each tier have passed", WITHIN_SECONDS
    )


def a_load_by_hand(tilt: Tilt) -> None:
    """Some of its orders fail on purpose, and all come to their end."""
    tilt.trigger("load")
    eventually(lambda: ended_well(tilt, "load"), "the load has ended", 400)


def ended_well(tilt: Tilt, name: str) -> bool:
    return bool(tilt.resource(name)["updateStatus"] == "ok")


def an_edit_restarts_one_service(tilt: Tilt, project: Project) -> None:
    """It gets another process, and every other keeps its own."""
    before = pids(tilt)

    project.append("payment_service/settings.py", "\n# edited\n")

    eventually(lambda: pids(tilt)[PAYMENT] not in {before[PAYMENT], None}, f"{PAYMENT} is started anew", WITHIN_SECONDS)
    tilt.stack.wait_ready(timeout_seconds=WITHIN_SECONDS)
    after = pids(tilt)
    assert {PAYMENT} == {name for name, pid in after.items() if pid != before[name]}
    assert all(row.restarts == 0 for row in tilt.stack.status().processes)


def a_break_is_shown_until_it_is_repaired(tilt: Tilt, project: Project) -> None:
    """A service that doesn't start any more is red, with its reason in the log; mending the file mends it."""
    project.append("payment_service/__init__.py", BREAKS)
    eventually(lambda: tilt.resource(PAYMENT)["runtimeStatus"] == "error", f"{PAYMENT} is red", WITHIN_SECONDS)
    assert f"{PAYMENT} ended with exit code 7" in tilt.log.read_text()

    file = "payment_service/__init__.py"
    (project.folder / file).write_text((PROJECT_ROOT / file).read_text())

    eventually(lambda: tilt.resource(PAYMENT)["runtimeStatus"] == "ok", f"{PAYMENT} is well again", WITHIN_SECONDS)
    tilt.stack.wait_ready(timeout_seconds=WITHIN_SECONDS)


def pids(tilt: Tilt) -> dict[str, int | None]:
    return {row.name: row.pid for row in tilt.stack.status().processes}


def statuses(shop: Shop) -> list[str]:
    return [order["status"] for order in shop.call("GET", "/orders").body["items"]]


def left_of(project: Project) -> list[str]:
    """The living processes of the copy's stack and Tilt: each has its folder in its environment or its command."""
    place = project.environment["SHOP_HOME"]
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            words = [*process.cmdline(), process.environ().get("SHOP_HOME", "")]
            if process.status() != psutil.STATUS_ZOMBIE and any(place in word for word in words):
                found.append(process.name())
    return found
