"""Whoever looks after the participants of the order saga knows all of them."""

import pytest

from cli.chaos.meter import REPEATS
from devstack.addresses import CORE_APPS, folder_of
from devstack.settings import PROJECT_ROOT
from event_relay.outboxes import SCHEMA_OF
from order_service.reconciler.orphans import PARTICIPANTS
from order_service.workflow import UNDO_OF
from shared.events.subscription import SOURCES

pytestmark = pytest.mark.unit

APPS = sorted({do.app_id for do in UNDO_OF})
CONSERVATION = PROJECT_ROOT / "order_service" / "conservation"


@pytest.mark.parametrize("app_id", APPS)
def test_a_participant_of_the_saga_is_looked_after(app_id: str) -> None:
    """Else its events stay in its outbox, its late effects are seen by nobody, and what it holds is never added up."""
    schema = folder_of(app_id)

    assert app_id in CORE_APPS
    assert SCHEMA_OF[f"/{app_id}"] == schema
    assert schema in PARTICIPANTS
    assert f"{schema}.saga_steps" in REPEATS
    assert f"{schema}.saga_steps" in (CONSERVATION / "rules.py").read_text()
    assert f'"{schema}"' in (CONSERVATION / "by_hand.py").read_text()


def test_the_relay_reads_every_source_of_events() -> None:
    """A source without an outbox would be subscribed to in vain, an outbox without one never be read."""
    assert set(SOURCES.values()) == SCHEMA_OF.keys()
