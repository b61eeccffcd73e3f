"""Moments as people read them: the time, and the day where that is not today. Pure."""

from datetime import datetime, timedelta


def moment_text(moment: datetime, now: datetime) -> str:
    """A moment before or after `now`, in the zone of `now`: `14:30`, with the day where that is another one."""
    if abs(moment - now) < timedelta(minutes=2):
        return f"{moment.astimezone(now.tzinfo):%H:%M:%S}"
    # To the nearest minute: two hours from 12:30:00.2 end at 14:30, also when a fraction of a second is gone.
    local = (moment + timedelta(seconds=30)).astimezone(now.tzinfo)
    return f"{local:%H:%M}" if local.date() == now.date() else f"{local:%Y-%m-%d %H:%M}"
