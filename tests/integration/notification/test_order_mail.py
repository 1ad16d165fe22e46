"""The customer's mail about an order's end: one per event, in the order of the events, whatever fails in between."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from notification_service.notifications import Notifications
from notification_service.order_mails import AT_ONCE, HANDLERS, OrderMails, letter
from notification_service.pusher import Pusher
from notification_service.store import NotificationStore
from notification_service.tables import METADATA as SERVICE_METADATA
from shared.database import create_engine
from shared.events.consumer import Answer, Consumer
from shared.events.event import EventType, OrderEvent
from shared.events.inbox import METADATA, Inbox
from shared.shop.reasons import Reason
from tests.integration.inbox.world import Broker, an_event
from tests.integration.notification.world import SENDER, MailboxProcess, a_mailer, a_pusher, running_mailbox
from tests.integration.schema import differences
from tests.waiting import eventually

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


def who(email: str) -> dict[str, str]:
    return {"email": email, "user_id": "x"}


async def is_at_least(count: Callable[[], Awaitable[int]], least: int) -> bool:
    return await count() >= least


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


@dataclass
class Customers:
    """A consumer of the orders' ends, and who sends the mails."""

    consumer: Consumer
    mails: OrderMails
    database: AsyncEngine
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def take(self, body: bytes) -> Answer:
        return await self.consumer.take(body)

    def start(self) -> None:
        """Send in the background, as the service does."""
        self.tasks.append(asyncio.create_task(self.mails.run()))

    async def stop(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.mails.close()

    async def left(self) -> list[str]:
        """The orders about which a mail is still to be sent."""
        async with self.database.connect() as connection:
            return list(await connection.scalars(text("SELECT subject FROM order_mails ORDER BY subject, sequence")))

    async def sent(self) -> None:
        """Wait until nothing is left to be sent."""

        async def none_left() -> bool:
            return await self.left() == []

        await eventually(none_left, "no mail is left")

    async def age(self, hours: float) -> None:
        """Let time pass for what waits, and make it due."""
        async with self.database.begin() as tx:
            await tx.execute(
                text("UPDATE order_mails SET since = since - make_interval(hours => 1) * :hours, due_at = now()"),
                {"hours": hours},
            )

    async def due(self) -> None:
        await self.age(0)


def customers_of(database: AsyncEngine, smtp_url: str, broker: Broker, pusher: Pusher) -> Customers:
    notifications = Notifications(NotificationStore(database), a_mailer(smtp_url), pusher, SENDER, at_once=AT_ONCE)
    handlers = {kind.value: handler for kind, handler in HANDLERS.items()}
    consumer = Consumer("notification-service", handlers, Inbox(database, ordered=True), broker)
    return Customers(consumer, OrderMails(database, notifications, broker, patience=timedelta(hours=4)), database)


@pytest.fixture
async def customers(database: AsyncEngine, mailbox: MailboxProcess, broker: Broker) -> AsyncIterator[Customers]:
    pusher = a_pusher(mailbox.url)
    customers = customers_of(database, mailbox.smtp_url, broker, pusher)
    yield customers
    await customers.stop()
    await pusher.close()


async def test_the_inbox_is_in_the_revisions(database_url: str) -> None:
    assert [] == await differences(database_url, METADATA)


async def test_the_tables_are_described_as_the_revisions_make_them(database_url: str) -> None:
    assert [] == await differences(database_url, SERVICE_METADATA)


async def test_an_event_that_comes_often_is_one_mail(customers: Customers, mailbox: MailboxProcess) -> None:
    customers.start()
    answers = await asyncio.gather(*(customers.take(the_end()) for _ in range(5)))

    assert [DONE] * 5 == answers
    await customers.sent()
    assert ["Your order ord-1 is on its way"] == [mail["subject"] for mail in await mailbox.mails(ADA)]


async def test_a_crash_between_the_mail_and_its_record_sends_no_second_one(
    customers: Customers, mailbox: MailboxProcess, database: AsyncEngine
) -> None:
    """The mail has left and is on record; what inbox and table would have noted is lost."""
    customers.start()
    for _ in range(2):
        async with database.begin() as tx:
            await tx.execute(text("DELETE FROM inbox"))
            await tx.execute(text("DELETE FROM inbox_cursors"))
        assert DONE == await customers.take(the_end())
        await customers.sent()

    assert 1 == len(await mailbox.mails(ADA))


async def test_while_the_mail_server_is_away_the_mail_waits(
    customers: Customers, mailbox: MailboxProcess, broker: Broker
) -> None:
    """And the event doesn't: it keeps none of the broker's places."""
    await mailbox.end()
    assert DONE == await customers.take(the_end())
    for _ in range(3):
        await customers.due()
        await customers.mails.sweep()
        await customers.mails.close()
    assert ["ord-1"] == await customers.left()

    await mailbox.start()
    await customers.due()
    customers.start()

    await customers.sent()
    assert 1 == len(await mailbox.mails(ADA))
    assert [] == broker.letters


async def test_what_nobody_is_notified_of_is_counted_all_the_same(
    customers: Customers, mailbox: MailboxProcess
) -> None:
    customers.start()
    accepted = the_end(EventType.ORDER_ACCEPTED, 1)

    assert [RETRY, DONE, DONE] == [
        await customers.take(one) for one in (the_end(sequence=2), accepted, the_end(sequence=2))
    ]
    await customers.sent()
    assert 1 == len(await mailbox.mails(ADA))


@pytest.mark.parametrize(
    ("email", "reason"), [("no address", "is no e-mail address"), ("bounce@example.org", "the mail server refuses")]
)
async def test_an_address_that_takes_no_mail_is_a_dead_letter(
    customers: Customers, broker: Broker, database: AsyncEngine, email: str, reason: str
) -> None:
    """With its reason; the customer of a completed order isn't left without a word in silence."""
    customers.start()
    assert DONE == await customers.take(the_end(customer={"email": email, "user_id": "x"}))
    await customers.sent()

    (dead,) = broker.letters
    assert reason in dead["data"]["reason"]
    async with database.connect() as connection:
        assert ["refused"] == list(await connection.scalars(text("SELECT status FROM notifications")))
        assert ["dead"] == list(await connection.scalars(text("SELECT state FROM inbox")))


async def test_a_recipient_who_is_put_off_for_hours_is_a_dead_letter_that_can_be_replayed(
    customers: Customers, mailbox: MailboxProcess, broker: Broker
) -> None:
    """The typed wrong domain of a customer: each attempt is answered 450, for ever."""
    later = {"email": "greylist-2@example.org", "user_id": "x"}
    await customers.take(the_end(customer=later))
    await customers.mails.sweep()
    await customers.mails.close()
    assert (["ord-1"], []) == (await customers.left(), broker.letters)

    await customers.age(4.1)
    await customers.mails.sweep()
    await customers.mails.close()

    (dead,) = broker.letters
    assert [] == await customers.left()
    assert "it couldn't be sent in 4:00:00" in dead["data"]["reason"]
    assert DONE == await customers.take(the_end(customer=later))
    assert [] == await customers.left(), "what is dead is no duplicate's to raise"
    replay = {**dead["data"]["event"], "id": "again", "replayof": "ord-1-1", "replayfor": "notification-service"}
    assert DONE == await customers.take(json.dumps(replay).encode())
    customers.start()
    await customers.sent()
    assert 1 == len(await mailbox.mails("greylist-2@example.org"))


async def test_a_broker_that_is_away_keeps_a_mail_from_being_given_up(customers: Customers, broker: Broker) -> None:
    """Its dead letter comes first."""
    broker.is_away = True
    await customers.take(the_end(customer={"email": "no address", "user_id": "x"}))
    await customers.mails.sweep()
    await customers.mails.close()
    assert ["ord-1"] == await customers.left()

    broker.is_away = False
    await customers.due()
    await customers.mails.sweep()
    await customers.mails.close()

    assert [] == await customers.left()
    assert 1 == len(broker.letters)


async def test_sixty_four_who_are_put_off_hold_up_nobody(customers: Customers, mailbox: MailboxProcess) -> None:
    """Their deliveries are answered at once, and their mails wait for their next attempt, not in anybody's way."""
    customers.start()
    for number in range(64):
        order, email = f"ord-{number}", f"greylist-999+{number}@example.org"
        await customers.take(an_event(1, order=order, data=an_order(order_id=order, customer=who(email))))

    await customers.take(an_event(1, order="good", data=an_order(order_id="good", customer=who("good@example.org"))))

    async def arrived() -> bool:
        return bool(await mailbox.mails("good@example.org"))

    await eventually(arrived, "the good one has their mail")
    assert len(await customers.left()) >= 64


async def test_slow_ones_go_side_by_side(database: AsyncEngine, tmp_path: Path, broker: Broker) -> None:
    """Thirty whose mail takes two seconds each: one after the other it would be a minute."""
    async with running_mailbox(tmp_path, MAILBOX_SLOW_SECONDS="2") as mailbox:
        pusher = a_pusher(mailbox.url)
        customers = customers_of(database, mailbox.smtp_url, broker, pusher)
        for number in range(30):
            order, email = f"ord-{number}", f"slow+{number}@example.org"
            await customers.take(an_event(1, order=order, data=an_order(order_id=order, customer=who(email))))
        customers.start()

        async def arrived() -> int:
            return len((await mailbox.get("/messages", limit="100"))[1]["items"])

        # All are at the server before the first has been answered.
        await eventually(lambda: is_at_least(arrived, 30), "all thirty are under way")
        assert len(await customers.left()) == 30
        await customers.sent()
        await customers.stop()
        await pusher.close()


async def test_the_mails_of_one_order_leave_in_the_order_of_its_events(
    customers: Customers, mailbox: MailboxProcess
) -> None:
    """A second one waits for the first, however often that is put off."""
    someone = who("greylist-1@example.org")
    await customers.take(the_end(EventType.ORDER_COMPENSATED, 1, customer=someone))
    await customers.take(the_end(EventType.ORDER_CANCELLED, 2, customer=someone))
    await customers.mails.sweep()
    await customers.mails.close()
    assert ["ord-1", "ord-1"] == await customers.left()

    customers.start()
    await customers.sent()

    subjects = [mail["subject"] for mail in await mailbox.mails("greylist-1@example.org")]
    assert sorted(subjects) == ["Your order ord-1 could not be completed", "Your order ord-1 is cancelled"]


async def test_data_that_cannot_be_read_is_a_dead_letter(customers: Customers, broker: Broker) -> None:
    assert DONE == await customers.take(an_event(1, data={"order_id": "ord-1"}))
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
