"""The customer's mail about an order's end: one per event, in the order of the events, whatever fails in between."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from notification_service.notifications import Notifications, letter, order_mail
from notification_service.store import NotificationStore
from shared.database import create_engine
from shared.events.consumer import Answer, Consumer
from shared.events.event import EventType, OrderEvent
from shared.events.inbox import METADATA, Inbox
from shared.shop.reasons import Reason
from tests.integration.inbox.world import Broker, an_event
from tests.integration.notification.world import SENDER, MailboxProcess, a_mailer, a_pusher
from tests.integration.schema import differences

DONE, RETRY = Answer.SUCCESS, Answer.RETRY
ADA = "ada@example.org"


def an_order(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - parts of a JSON body
    return {
        "order_id": "ord-1",
        "status": "completed",
        "total_cents": 1905,
        "currency": "EUR",
        "customer": {"email": ADA, "user_id": "ada"},
        "lines": [{"sku": "DSK-LAMP", "quantity": 2}],
        "country": "DE",
        "tracking_number": "SHP1",
        **changes,
    }


def the_end(kind: EventType = EventType.ORDER_COMPLETED, sequence: int = 1, **changes: Any) -> bytes:  # noqa: ANN401 - as above
    return an_event(sequence, kind=kind, data=an_order(**changes))


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[AsyncEngine]:
    database = create_engine(database_url, application_name="tests", pool_size=20)
    yield database
    await database.dispose()


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
async def consumer(database: AsyncEngine, mailbox: MailboxProcess, broker: Broker) -> AsyncIterator[Consumer]:
    pusher = a_pusher(mailbox.url)
    notifications = Notifications(NotificationStore(database), a_mailer(mailbox.smtp_url), pusher, SENDER)
    handlers = {kind.value: handler for kind, handler in order_mail(notifications).items()}
    yield Consumer("notification-service", handlers, Inbox(database, ordered=True), broker)
    await pusher.close()


async def test_the_inbox_is_in_the_revisions(database_url: str) -> None:
    assert [] == await differences(database_url, METADATA)


async def test_an_event_that_comes_often_is_one_mail(consumer: Consumer, mailbox: MailboxProcess) -> None:
    answers = await asyncio.gather(*(consumer.take(the_end()) for _ in range(5)))

    assert [DONE] * 5 == answers
    assert ["Your order ord-1 is on its way"] == [mail["subject"] for mail in await mailbox.mails(ADA)]


async def test_a_crash_between_the_mail_and_the_inbox_sends_no_second_one(
    consumer: Consumer, mailbox: MailboxProcess, database: AsyncEngine
) -> None:
    """The mail has left and is on record; what the inbox would have noted is lost."""
    await consumer.take(the_end())
    async with database.begin() as tx:
        await tx.execute(text("DELETE FROM inbox"))
        await tx.execute(text("DELETE FROM inbox_cursors"))

    assert DONE == await consumer.take(the_end())
    assert 1 == len(await mailbox.mails(ADA))


async def test_while_the_mail_server_is_away_the_event_waits(
    consumer: Consumer, mailbox: MailboxProcess, broker: Broker
) -> None:
    """However long that takes: it isn't an attempt of the event's."""
    await mailbox.end()
    assert [RETRY] * 12 == [await consumer.take(the_end()) for _ in range(12)]

    await mailbox.start()

    assert DONE == await consumer.take(the_end())
    assert 1 == len(await mailbox.mails(ADA))
    assert [] == broker.letters


async def test_what_nobody_is_notified_of_is_counted_all_the_same(consumer: Consumer, mailbox: MailboxProcess) -> None:
    accepted = the_end(EventType.ORDER_ACCEPTED, 1)

    assert [RETRY, DONE, DONE] == [
        await consumer.take(one) for one in (the_end(sequence=2), accepted, the_end(sequence=2))
    ]
    assert 1 == len(await mailbox.mails(ADA))


async def test_an_address_that_takes_no_mail_ends_in_the_log_of_notifications(
    consumer: Consumer, broker: Broker, database: AsyncEngine
) -> None:
    """No dead letter: a replay could change nothing."""
    assert DONE == await consumer.take(the_end(customer={"email": "no address", "user_id": "x"}))

    assert [] == broker.letters
    async with database.connect() as connection:
        assert ["refused"] == list(await connection.scalars(text("SELECT status FROM notifications")))


async def test_data_that_cannot_be_read_is_a_dead_letter(consumer: Consumer, broker: Broker) -> None:
    assert DONE == await consumer.take(an_event(1, data={"order_id": "ord-1"}))
    (dead,) = broker.letters
    assert "status: Field required" in dead["data"]["reason"]


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (Reason.CARD_DECLINED, Reason.CARD_DECLINED),
        ("GatewayOutageError: Claim your refund: https://evil.example", Reason.OUR_FAULT),
        (None, Reason.OUR_FAULT),
    ],
)
def test_the_letter_reports_what_matters(stored: str | None, reason: Reason) -> None:
    """The reason is one of the fixed sentences, whatever the event of an earlier version or a stranger says."""
    order = OrderEvent.model_validate(an_order(status="compensated", reason=stored))
    sent_mail = letter(EventType.ORDER_COMPENSATED, order)

    assert ADA == sent_mail.recipient
    assert "Your order ord-1 could not be completed" == sent_mail.subject
    assert sent_mail.body.splitlines() == [
        "Your order ord-1 could not be completed.",
        "",
        "  2 x DSK-LAMP",
        "",
        "Total: 19.05 EUR",
        "",
        f"Reason: {reason}",
    ]
