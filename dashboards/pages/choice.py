"""Which trials the reader has chosen to compare, as the browser keeps them: study -> numbers."""

from collections.abc import Mapping, Sequence

MOST_CHOSEN = 6

Chosen = Mapping[str, Sequence[int]]


def chosen_of(chosen: Chosen | None, study: str) -> list[int]:
    """Return the chosen trials of a study; whatever is no number is left out."""
    numbers = (chosen or {}).get(study, [])
    return [number for number in numbers if isinstance(number, int) and number >= 0][:MOST_CHOSEN]


def toggled(numbers: Sequence[int], number: int | None) -> list[int]:
    """Add a number or take it out; None takes all out. The oldest gives way where there are too many."""
    if number is None:
        return []
    if number in numbers:
        return [other for other in numbers if other != number]
    return [*numbers, number][-MOST_CHOSEN:]
