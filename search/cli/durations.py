"""How a duration is written."""


def clock_text(seconds: float) -> str:
    """Return minutes and seconds, from an hour on with hours: 1:05, 2:00:00."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def left_text(seconds: float) -> str:
    """Return the time left as the end of a line."""
    return f"  {clock_text(seconds)} left"
