"""Runs branches of a saga side by side in one workflow, deterministically."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from dapr.ext.workflow import when_any

from shared.saga.context import Branch, Task, Turns
from shared.saga.failures import SagaStopped

T = TypeVar("T")


def run_alone(branch: Branch[T], before_wait: Callable[[], None]) -> Turns[T]:
    """Run one branch to its end."""
    (result,) = yield from run_together([branch], before_wait)
    return result


def run_together(branches: Sequence[Branch[T]], before_wait: Callable[[], None]) -> Turns[list[T]]:
    """Run all branches to their end; only then raise the first failure, if there is one.

    No branch is abandoned when a sibling fails, so that no undo starts while anything of the saga still runs.

    Raises:
        SagaStopped: the first branch (in the order given) that stopped the saga.
    """
    results: dict[int, T] = {}
    failures: dict[int, SagaStopped] = {}
    waiting: dict[int, list[Task]] = {}

    def advance(index: int) -> None:
        try:
            waiting[index] = next(branches[index])
        except StopIteration as end:
            results[index] = end.value
        except SagaStopped as stopped:
            failures[index] = stopped

    for index in range(len(branches)):
        advance(index)
    while waiting:
        before_wait()
        tasks = {id(task): task for wanted in waiting.values() for task in wanted}
        if not any(task.is_complete for task in tasks.values()):
            yield when_any(list(tasks.values()))  # type: ignore[arg-type] # the SDK's own tasks, seen as Task
        for index in sorted(waiting):
            if any(task.is_complete for task in waiting[index]):
                del waiting[index]
                advance(index)
    if failures:
        raise failures[min(failures)]
    return [results[index] for index in range(len(branches))]
