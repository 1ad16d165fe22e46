"""An address says how its delivery fails."""

import pytest

from local_mailbox.habits import Habit, habit_of

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("name", "habit"),
    [
        ("ada@example.com", Habit("")),
        ("bounce@example.com", Habit("bounce")),
        ("Bounce+7@example.com", Habit("bounce")),
        ("greylist@example.com", Habit("greylist", 2)),
        ("greylist-5@example.com", Habit("greylist", 5)),
        ("flaky-3", Habit("flaky", 3)),
        ("dropping@example.com", Habit("")),
    ],
)
def test_the_habit_of(name: str, habit: Habit) -> None:
    assert habit_of(name) == habit
