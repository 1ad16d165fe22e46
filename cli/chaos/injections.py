"""Carries out a schedule on a running stack."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from cli.chaos.schedule import Blow, Fault, Kind
from devstack.errors import NotRunningError, StackError
from devstack.supervisor.client import StackClient


@dataclass(frozen=True, slots=True)
class Injected:
    """A fault that was carried out, with its times on the wall clock; `missed` says which blows found nothing."""

    fault: Fault
    began_at: float
    over_at: float
    missed: tuple[str, ...] = ()


async def play(
    stack: StackClient, faults: tuple[Fault, ...], began_at: float, notify: Callable[[str], None]
) -> list[Injected]:
    """Carry out every fault at its time; returns when the last one's room to recover is over."""
    injected: list[Injected] = []
    for fault in faults:
        await asyncio.sleep(max(0.0, began_at + fault.at_seconds - time.time()))
        notify(f"{fault.at_seconds:6.1f} s  {fault}")
        injected.append(await _inject_all(stack, fault))
        await asyncio.sleep(max(0.0, began_at + fault.at_seconds + fault.room_seconds - time.time()))
    return injected


async def _inject_all(stack: StackClient, fault: Fault) -> Injected:
    began_at = time.time()
    blows = [asyncio.to_thread(_inject, stack, blow) for blow in fault.blows]
    missed = [reason for reason in await asyncio.gather(*blows) if reason is not None]
    return Injected(fault, began_at, time.time(), tuple(missed))


def _inject(stack: StackClient, blow: Blow) -> str | None:
    """Carry out one blow; why it found nothing to hit, or None."""
    try:
        match blow.kind:
            case Kind.KILL:
                stack.kill(blow.target)
            case Kind.STOP:
                stack.restart(blow.target)
            case Kind.SHUTDOWN:
                stack.signal(blow.target, "SIGQUIT")
            case Kind.PAUSE:
                _pause(stack, blow)
            case Kind.PARTITION:
                _partition(stack, blow)
    except NotRunningError:
        raise
    except StackError as error:
        # It has just died of the blow before, or by an order's own fault plan.
        return f"{blow}: {error}"
    return None


def _pause(stack: StackClient, blow: Blow) -> None:
    stack.signal(blow.target, "SIGSTOP")
    try:
        time.sleep(blow.seconds)
    finally:
        stack.signal(blow.target, "SIGCONT")


def _partition(stack: StackClient, blow: Blow) -> None:
    stack.partition(blow.target)
    try:
        time.sleep(blow.seconds)
    finally:
        stack.heal(blow.target)
