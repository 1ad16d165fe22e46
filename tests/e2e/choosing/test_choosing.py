"""What docs/choosing.md says of the three ways to have another app do a job, seen on real processes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.topology.addresses import BROKER
from examples.choosing.client import Stage, eventually, running_stage
from examples.choosing.jobs import ACCEPTED, DONE, Death, Job, Way

DURABLE = [Way.PUBSUB, Way.WORKFLOW]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    home: Path = tmp_path_factory.mktemp("choosing")
    # Where root must become another user to run Postgres, that user has to reach the data.
    for folder in (home, *home.parents[:2]):
        folder.chmod(0o755)
    with running_stage(home) as running:
        yield running


def test_by_http_the_caller_knows_that_the_job_is_done(stage: Stage) -> None:
    """The answer of the call is the outcome."""
    outcome = stage.run(Way.HTTP, "http-healthy")

    assert (DONE, 1) == (outcome.answer, outcome.effects)
    assert outcome.known_seconds is not None


def test_by_pubsub_the_caller_never_knows(stage: Stage) -> None:
    """The broker has it, and that is all that its publisher learns."""
    outcome = stage.run(Way.PUBSUB, "pubsub-healthy")

    assert ACCEPTED == outcome.answer
    assert outcome.effects >= 1
    assert outcome.known_seconds is None


def test_by_workflow_the_caller_knows_in_the_end(stage: Stage) -> None:
    """Its own code goes on when the answer is there."""
    outcome = stage.run(Way.WORKFLOW, "workflow-healthy")

    assert ACCEPTED == outcome.answer
    assert outcome.effects >= 1
    assert outcome.known_seconds is not None


def test_by_http_a_job_is_lost_when_the_callee_dies_before_it(stage: Stage) -> None:
    """Nobody asks again."""
    outcome = stage.run(Way.HTTP, "http-before", Death.BEFORE)

    assert outcome.answer.startswith("failed: ")
    assert 0 == outcome.effects


def test_by_http_the_caller_gets_a_failure_although_the_job_is_done(stage: Stage) -> None:
    """The same words as when it is lost: whoever asks again doubles it, whoever doesn't may lose it."""
    outcome = stage.run(Way.HTTP, "http-after", Death.AFTER)

    assert outcome.answer.startswith("failed: ")
    assert 1 == outcome.effects


def test_by_http_a_job_is_lost_when_the_callee_is_down(stage: Stage) -> None:
    """The call fails, and nothing of it is left for the time when the callee is back."""
    outcome = stage.run_while_down(Way.HTTP, "http-down")

    assert outcome.answer.startswith("failed: ")
    assert 0 == outcome.effects


@pytest.mark.parametrize("way", DURABLE)
def test_a_job_that_the_callee_died_before_is_done_when_it_is_back(stage: Stage, way: Way) -> None:
    """The broker delivers again; the engine dispatches again."""
    outcome = stage.run(way, f"{way}-before", Death.BEFORE)

    assert ACCEPTED == outcome.answer
    assert outcome.effects >= 1


@pytest.mark.parametrize("way", DURABLE)
def test_a_job_that_the_callee_died_after_is_done_twice(stage: Stage, way: Way) -> None:
    """Both are at least once: the effect needs an idempotency key, as each participant of the shop has."""
    outcome = stage.run(way, f"{way}-after", Death.AFTER)

    assert ACCEPTED == outcome.answer
    assert outcome.effects >= 2


@pytest.mark.parametrize("way", DURABLE)
def test_a_job_waits_for_a_callee_that_is_down(stage: Stage, way: Way) -> None:
    """With the broker, or in the workflow's history."""
    outcome = stage.run_while_down(way, f"{way}-down")

    assert ACCEPTED == outcome.answer
    assert outcome.effects >= 1


@pytest.mark.parametrize("way", DURABLE)
def test_a_job_outlives_its_caller(stage: Stage, way: Way) -> None:
    """Killed while it waits, the caller's workflow goes on where it was; by pub/sub nothing waits for the answer."""
    outcome = stage.run_while_down(way, f"{way}-caller", caller_dies=True)

    assert outcome.effects >= 1
    assert (way is Way.WORKFLOW) == (outcome.known_seconds is not None)


def test_by_pubsub_the_caller_itself_must_keep_a_job_that_the_broker_did_not_take(stage: Stage) -> None:
    """At least once begins with the broker's yes; before it the job is the caller's to keep: in an outbox."""
    stage.stack.hold(BROKER)
    try:
        answer = stage.ask(Way.PUBSUB, Job(job_id="pubsub-no-broker"))
    finally:
        stage.stack.start(BROKER)
        stage.stack.wait_ready(BROKER)

    assert answer.startswith("failed: ")
    assert ACCEPTED == eventually_accepted(stage, "pubsub-no-broker")


def eventually_accepted(stage: Stage, job_id: str) -> str:
    """The sidecars find the broker again by themselves, after a moment."""
    return eventually(
        lambda: answer if (answer := stage.ask(Way.PUBSUB, Job(job_id=job_id))) == ACCEPTED else None, "published"
    )
