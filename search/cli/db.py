"""`db`: looking after the database and the files beside it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search.cli.consoles import notices, results, write_json
from search.cli.options import DEFAULT_STORAGE, JsonOption, StorageOption

if TYPE_CHECKING:
    from search.cli.step_display import StepDisplay
    from storage.maintenance import DatabaseCheck, Repair

_EXIT_WRONG = 1

db = typer.Typer(help="Look after the database: upgrade, check, backup, repair.", no_args_is_help=True)

OneStudyOption = Annotated[str | None, typer.Option("--study", help="Only this study; without it, all.")]


@db.command()
def upgrade(storage: StorageOption = DEFAULT_STORAGE, as_json: JsonOption = False) -> None:
    """Bring the database's tables to the schema of this version; other commands do so too when they open it."""
    from storage.maintenance import upgrade_database

    with notices(beside_results=True).status("upgrading the schema"):
        done = upgrade_database(storage)
    if as_json:
        write_json(asdict(done))
    elif done.before == done.after:
        _print(f"the schema is up to date: {done.after}")
    else:
        _print(f"upgraded the schema from {done.before or 'nothing'} to {done.after}")


@db.command()
def check(storage: StorageOption = DEFAULT_STORAGE, study: OneStudyOption = None, as_json: JsonOption = False) -> None:
    """Read everything, compute the fronts anew, and print what is wrong; exit code 1 if something is."""
    from search.cli.study_names import study_name
    from storage.maintenance import check_database

    with _display() as display:
        found = check_database(storage, study=None if study is None else study_name(study), on_steps=display.show)
    if as_json:
        write_json({"is_good": found.is_good, **asdict(found)})
    else:
        _print_check(found)
    if not found.is_good:
        raise typer.Exit(_EXIT_WRONG)


@db.command()
def repair(
    storage: StorageOption = DEFAULT_STORAGE,
    study: OneStudyOption = None,
    min_age: Annotated[
        float, typer.Option("--min-age", min=0, help="Hours that an unreferenced file must be old to be removed.")
    ] = 24.0,
    as_json: JsonOption = False,
) -> None:
    """Write fronts anew from the results where they differ; remove old files that nothing refers to."""
    from search.cli.study_names import study_name
    from storage.maintenance import repair_database

    name = None if study is None else study_name(study)
    with _display() as display:
        done = repair_database(storage, study=name, min_age_s=3600 * min_age, on_steps=display.show)
    if as_json:
        write_json(asdict(done))
    else:
        _print_repair(done, min_age_h=min_age)
    if done.unreadable:
        raise typer.Exit(_EXIT_WRONG)


@db.command()
def backup(
    path: Annotated[Path, typer.Argument(help="The new database file; its files go into the folder beside it.")],
    storage: StorageOption = DEFAULT_STORAGE,
    as_json: JsonOption = False,
) -> None:
    """Copy an SQLite database and its files, each checked by its hash, while workers go on."""
    from storage.maintenance import back_up

    with _display() as display:
        done = back_up(storage, path, on_steps=display.show)
    if as_json:
        write_json({"database": str(done.database), "artifacts": str(done.artifacts), "n_artifacts": done.n_artifacts})
    else:
        _print(f"wrote {done.database} and {done.n_artifacts} files in {done.artifacts}")


def _display() -> "StepDisplay":
    from search.cli.step_display import StepDisplay

    return StepDisplay(notices(beside_results=True), what="opening the database")


def _print_repair(done: "Repair", *, min_age_h: float) -> None:
    for name, differences in done.fronts.items():
        if differences:
            _print(f"study {name}: wrote the front anew from the results; what differed:")
            _print_all(differences)
        else:
            _print(f"study {name}: the front is that of the results")
    for name, reason in done.unreadable.items():
        _print(f"study {name}: left alone, {reason}", style="red")
    _print(f"removed {done.n_removed} unreferenced files that were at least {min_age_h:g} hours old")


def _print_check(found: "DatabaseCheck") -> None:
    if found.damage:
        _print("the database is damaged; restore a copy, or save what is left with `sqlite3 FILE .recover`:", "red")
        _print_all(found.damage)
        return
    for study in found.studies:
        if study.is_good:
            _print(f"study {study.name}: good")
            continue
        _print(f"study {study.name}:", "red")
        if study.unreadable is not None:
            _print_all([f"cannot be checked: {study.unreadable}"])
        _print_all(study.front)
        if study.front:
            _print("  (the front: `db repair` writes it anew from the results)")
        _print_all([*study.trials, *study.artifacts])
    if not found.studies:
        _print("the database has no studies")
    if found.n_unreferenced:
        _print(f"{found.n_unreferenced} files that nothing refers to; `db repair` removes them once they are old")


def _print_all(lines: "list[str] | tuple[str, ...]") -> None:
    for line in lines:
        _print(f"  {line}")


def _print(text: str, style: str | None = None) -> None:
    results().print(text, style=style, highlight=False, markup=False, soft_wrap=True)
