"""When a process is to end, and whether well."""

import asyncio
import signal


class Stop(asyncio.Event):
    """Set when the process is to end: it was told to, or a part of it has failed. Of the loop that waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.exit_code = 0

    def fail(self) -> None:
        """End the process as failed, so that whoever runs it (supervisor, kubelet) starts another."""
        self.exit_code = 1
        self.set()


def stop_signal() -> Stop:
    """Set by SIGTERM and SIGINT from now on; of the running loop."""
    stop = Stop()
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)
    return stop
