"""How durations and rates are written."""

_UNITS = {"s": 1, "min": 60, "h": 3600}


def clock_text(seconds: float) -> str:
    """Return minutes and seconds, from an hour on with hours: 1:05, 2:00:00."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def left_text(seconds: float) -> str:
    """Return the time left as the end of a line."""
    return f"  {clock_text(seconds)} left"


def rate_text(per_second: float, noun: str) -> str:
    """Return how many there are a second, a minute or an hour, whichever first gives at least one: "  12.5 files/s"."""
    unit, seconds = next(
        ((unit, seconds) for unit, seconds in _UNITS.items() if per_second * seconds >= 1), ("h", 3600)
    )
    value = per_second * seconds
    return f"  {f'{value:,.0f}' if value >= 100 else f'{value:.3g}'} {noun}/{unit}"
