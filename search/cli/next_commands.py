"""What to run after a launch: commands that work as they are printed, without passwords."""

import shlex
import shutil
import sys
from pathlib import Path

from rich.console import Console

from search.cli.options import DEFAULT_STORAGE
from storage.sql import masked


def print_next(console: Console, study: str, storage: str, *, has_front: bool) -> None:
    """Print the commands that show, report, export and watch a study; without a front there is nothing to export."""
    for line in ("", "next:", *(f"  {command}" for command in next_commands(study, storage, has_front=has_front))):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    if masked(storage) != storage:
        console.print(
            "*** stands for the password: put the whole URL into the variable SEARCH_STORAGE and leave out --storage",
            highlight=False,
            soft_wrap=True,
        )


def next_commands(study: str, storage: str, *, has_front: bool) -> list[str]:
    """Return the commands as a shell takes them."""
    search = f"{_python()} -m search"
    database = "" if storage == DEFAULT_STORAGE else f" --storage {shlex.quote(masked(storage))}"
    where = f"--study {shlex.quote(study)}{database}"
    commands = [f"{search} front {where}", f"{search} report {where} --out report.html"]
    if has_front:
        commands.append(f"{search} export {where} --select knee --format keras --out exported")
    return [*commands, f"{search} dashboard{database}"]


def _python() -> str:
    """Return the running interpreter: its name where PATH leads to it, else its path."""
    own = Path(sys.executable)
    found = shutil.which("python")
    # Folders are compared, not files: a virtual environment's python is a link to the one that it was made with.
    if found is not None and Path(found).parent.resolve() == own.parent.resolve():
        return "python"
    return shlex.quote(str(own.relative_to(Path.cwd()) if own.is_relative_to(Path.cwd()) else own))
