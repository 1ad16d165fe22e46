"""Do the apps' clocks agree?"""

from collections.abc import Iterator
from statistics import median

from cli.doctor.evidence import Case
from cli.doctor.finding import Finding, Kind

TOLERATED_SECONDS = 2.0


def findings(case: Case) -> Iterator[Finding]:
    """Apps whose clock is apart from the others'. The doctor's own clock may be anyone's."""
    clocks = [app for app, _ in case.introduced]
    if not clocks:
        return
    usual = median(app.clock_ahead_seconds for app in clocks)
    for app in clocks:
        apart = app.clock_ahead_seconds - usual
        if abs(apart) > TOLERATED_SECONDS + app.clock_doubt_seconds:
            yield Finding(
                Kind.CLOCK_SKEW,
                (app.app_id,),
                seen=f"the clock of {app.target.place} is {abs(apart):.0f} s "
                f"{'ahead of' if apart > 0 else 'behind'} the others'",
                why="deadlines of orders and timers are moments: one app believes them past while another still works.",
                to_do=f"Set the clock of {app.app_id}'s machine by NTP (chrony, systemd-timesyncd).",
            )
