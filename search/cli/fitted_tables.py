"""Tables that stay readable where the terminal is narrow."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

_UNBOUNDED = 10_000  # columns
_FOLDED = 8  # columns that names need which may be broken anywhere


def print_table(console: Console, table: Table) -> None:
    """Print a table, fitted to the console; one that no fitting makes narrow enough runs over, and no figure is cut."""
    shown, width = fitted(console, table), console.width
    console.width = max(width, least_width(console, shown))
    console.print(shown)
    console.width = width


def fitted(console: Console, table: Table) -> Table:
    """Return the table; one that is too wide for the console has lost its frame and its padding."""
    if least_width(console, table) > console.width:
        table.box, table.padding, table.show_edge = SIMPLE_HEAD, (0, 0, 0, 0), False
    return table


def least_width(console: Console, table: Table) -> int:
    """Return the columns that a table takes where nothing is cut, and wrapped between words only where it may be."""
    unbounded = console.options.update(max_width=_UNBOUNDED)
    width = Measurement.get(console, unbounded, table).maximum
    for column in table.columns:
        if not column.no_wrap:
            cells = [Measurement.get(console, unbounded, cell) for cell in (column.header, *column.cells)]
            narrowest = _FOLDED if column.overflow == "fold" else max(cell.minimum for cell in cells)
            width -= max(cell.maximum for cell in cells) - narrowest
    return width
