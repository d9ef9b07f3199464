"""Hypervolume against time: our search, without early stopping and warm start, plain Optuna, NSGA-II, random.

    python -m tests.benchmarks.search_efficiency [--study digits] [--seeds 5] [--budget-seconds 240 | --trials N]
        [--jobs N] [--arms NAME ...] [--ours KEY=VALUE ...] [--plain-epochs N] [--folder DIR] [--json FILE]
        [--plot FILE.html]

Every run is a process of its own on this machine: all arms of a seed, then those of the next one, beginning with
another arm; one after the other, or with `--jobs` so many at a time, each with its part of the processors. The time of
a run begins with its first import and holds everything: parents, priors, tracing, attacks. With `--budget-seconds`
every run ends then, in the middle of a trial if need be; with `--trials` plain Optuna trains so many and the other
arms get the time that it took. What is counted is the hypervolume of the feasible candidates that were trained to
their end, all measured by the same suite on the same data.

Plain Optuna is what a user would write: `optuna.create_study` with the default sampler, `study.optimize`, every
candidate built, traced and trained anew from random weights, with the learning rates, the step and the measurement of
the study. How long it trains matters more than anything else about it, and a study's own trials, which begin at a
parent, are too short for it. On digits it gets 40 epochs, the best that was found: ten random candidates had a
hypervolume of 3,855 after 12 epochs, 6,377 after 24 and 8,966 after 48 (at 8, 13 and 19 s each; nothing came of 96
for those that were tried), and at today's learning rates a whole run had 11,843 after 200 s of its own work with 24
epochs, 12,701 with 40. Other studies train as long as their trials unless `--plain-epochs` says otherwise.

The arm without early stopping watches its rungs (mode "watch"), which costs it a little time, and tells what stopping
would have saved and lost.

Runs that are done stay in the folder and are not repeated; so the same command goes on where it was interrupted. Times
are of the clock; the keys that end in `_own` are over the work of the processes themselves and say more on a machine
that is busy with other things.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from search.threads import THREAD_VARIABLES, available_cpus
from spaces.objectives import reference_losses
from spaces.spec_files import load_spec
from tests.benchmarks.efficiency_curves import Run, curve, figures
from tests.benchmarks.efficiency_options import ARMS, OURS, PLAIN, ArmOptions
from tests.benchmarks.efficiency_plot import plot_runs

TARGETS = {"time_over_plain_optuna": "<= 0.25", "hypervolume_gain": ">= 0.1"}
_MAX_LOST, _MIN_SAVED = 0.01, 2.0  # what early stopping must keep to and reach, to be on by default
_SETTINGS = "settings.json"
_PLAIN_EPOCHS = {"digits": 40}  # what serves plain Optuna best, see above


def main() -> None:
    arguments = parse_arguments()
    folder: Path = arguments.folder or Path(".benchmarks") / f"search_efficiency-{Path(arguments.study).stem}"
    settings = common_settings(arguments)
    claim_folder(folder, settings)
    runs: list[Run] = []
    planned = list(plan(arguments, settings))
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for run in pool.map(lambda each: run_arm(folder, each[1], each[0], settings), planned):
            runs.append(run)
            told = f"seed {run.seed}, {run.arm}: {describe(run, arguments.study)}"
            print(f"[{len(runs)}/{len(planned)}] {told}", flush=True)
    report(runs, arguments)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", default="digits", help="a preset or a TOML file")
    parser.add_argument("--data-dir", type=Path, help="where data are looked for first")
    parser.add_argument("--seeds", type=int, default=5, help=f"of the arms that the keys compare: {OURS}, {PLAIN}")
    parser.add_argument("--other-seeds", type=int, default=2, help="of the other arms, at most --seeds")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--budget-seconds", type=float, default=240.0, help="of every run")
    budget.add_argument("--trials", type=int, help="of plain Optuna; the others get its time")
    parser.add_argument("--jobs", type=int, default=1, help="runs at the same time, which divide the processors")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--ours", nargs="+", default=[], metavar="KEY=VALUE", help="change our own arm's study")
    parser.add_argument("--plain-epochs", type=int, help="of plain Optuna's trainings; 40 on digits")
    parser.add_argument("--folder", type=Path, help="keeps the runs that are done")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--plot", type=Path, help="write the curves here, as HTML")
    given = parser.parse_args(arguments)
    if given.trials is not None and PLAIN not in given.arms:
        parser.error(f"--trials counts those of {PLAIN}; add it to --arms or give --budget-seconds")
    if given.trials is not None and given.jobs > 1:
        parser.error(f"with --trials the other arms wait for the time of {PLAIN}; give --budget-seconds with --jobs")
    return given


def common_settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return what all runs in a folder must share."""
    changes = dict(text.split("=", 1) for text in arguments.ours)
    return {
        "study": arguments.study,
        "data_dir": None if arguments.data_dir is None else str(arguments.data_dir),
        "budget_s": None if arguments.trials else arguments.budget_seconds,
        "trials": arguments.trials,
        "plain_epochs": arguments.plain_epochs or _PLAIN_EPOCHS.get(arguments.study),
        "threads": max(1, available_cpus() // arguments.jobs),
        "overrides": {key: tomllib.loads(f"value = {value}")["value"] for key, value in changes.items()},
        "spec": load_spec(arguments.study).fingerprint,
    }


def claim_folder(folder: Path, settings: dict[str, Any], *, option: str = "--folder") -> None:
    """Make the folder, or check that its runs are of the same settings; `option` names it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _SETTINGS
    if path.is_file():
        check_folder(folder, settings, option=option)
    else:
        path.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def check_folder(folder: Path, settings: dict[str, Any], *, option: str) -> None:
    """Check that the runs in a folder are of these settings, or of others beside them."""
    stored = kept_settings(folder, option=option)
    differences = [
        f"{key}: there {stored.get(key)}, now {settings[key]}" for key in settings if stored.get(key) != settings[key]
    ]
    if differences:
        sys.exit(f"{folder} has runs of other settings ({'; '.join(differences)}); give those, or another {option}.")


def kept_settings(folder: Path, *, option: str) -> dict[str, Any]:
    """Return the settings of the runs in a folder."""
    path = folder / _SETTINGS
    if not path.is_file():
        sys.exit(f"{option}: {folder} has no runs, for {_SETTINGS} is not there.")
    stored: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return stored


def plan(arguments: argparse.Namespace, settings: dict[str, Any]) -> Iterator[tuple[int, str]]:
    """Yield seed and arm of every run, in the order in which they are made."""
    for seed in range(1, arguments.seeds + 1):
        for arm in in_turn(arguments.arms, seed, settings):
            if arm in (OURS, PLAIN) or seed <= arguments.other_seeds:
                yield seed, arm


def in_turn(arms: Sequence[str], seed: int, settings: dict[str, Any]) -> Iterator[str]:
    """Yield the arms, beginning with another one for every seed; plain Optuna first where it sets the time."""
    chosen = [arm for arm in ARMS if arm in arms]
    if settings["trials"] is not None:
        chosen.remove(PLAIN)
        yield PLAIN
    start = (seed - 1) % len(chosen) if chosen else 0
    yield from chosen[start:] + chosen[:start]


def run_arm(folder: Path, arm: str, seed: int, settings: dict[str, Any]) -> Run:
    """Return a run: the one that is kept, or one that is made now."""
    out = run_file(folder, arm, seed)
    if not out.is_file():
        work = out.with_suffix("")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        budget_s, trials = settings["budget_s"], None
        if settings["trials"] is not None and arm == PLAIN:
            trials = settings["trials"]
        elif settings["trials"] is not None:
            budget_s = read_run(run_file(folder, PLAIN, seed)).elapsed_s
        unfinished = out.with_suffix(".unfinished")
        options = ArmOptions(
            arm=arm,
            seed=seed,
            study=settings["study"],
            data_dir=settings["data_dir"],
            budget_s=budget_s,
            trials=trials,
            plain_epochs=settings["plain_epochs"],
            overrides=settings["overrides"],
            folder=str(work),
            out=str(unfinished),
        )
        command = [sys.executable, "-m", "tests.benchmarks.efficiency_arms", json.dumps(asdict(options))]
        environment = {**os.environ, **dict.fromkeys(THREAD_VARIABLES, str(settings["threads"]))}
        subprocess.run(command, check=True, env=environment)
        unfinished.replace(out)
    return read_run(out)


def run_file(folder: Path, arm: str, seed: int) -> Path:
    return folder / f"{arm.replace(' ', '-').lower()}-seed{seed}.json"


def read_run(path: Path) -> Run:
    return Run.from_json(json.loads(path.read_text(encoding="utf-8")))


def describe(run: Run, study: str) -> str:
    volume = curve(run, reference_of(study)).final
    return f"{len(run.found)} of {run.n_begun} trials complete in {run.elapsed_s:.0f} s, hypervolume {volume:.6g}"


def reference_of(study: str) -> list[float]:
    return [float(value) for value in reference_losses(load_spec(study).objective_values())]


def report(runs: Sequence[Run], arguments: argparse.Namespace) -> None:
    """Print the tables and write the files."""
    reference = reference_of(arguments.study)
    print(f"\n{'median over seeds':<42}{'hypervolume':>12}{'begun':>7}{'complete':>9}{'seconds':>9}{'own work':>9}")
    for arm in dict.fromkeys(run.arm for run in runs):
        of_arm = [run for run in runs if run.arm == arm]
        volume = median(curve(run, reference).final for run in of_arm)
        counts = [median(values) for values in zip(*((run.n_begun, len(run.found)) for run in of_arm), strict=True)]
        seconds = [median(values) for values in zip(*((run.elapsed_s, run.own_s) for run in of_arm), strict=True)]
        print(f"{arm:<42}{volume:>12.6g}{counts[0]:>7.0f}{counts[1]:>9.0f}{seconds[0]:>9.0f}{seconds[1]:>9.0f}")
    print_replays(runs)
    found = figures(runs, reference)
    print(f"\n{'key':<28}{'measured':>10}  target")
    for key, value in found.items():
        shown = "not run" if value is None else f"{value:.3f}"
        print(f"{key:<28}{shown:>10}  {TARGETS[key.removesuffix('_own')]}")
    if arguments.json is not None:
        # JSON has no infinity: a volume that was never reached is null there, beside the number of seeds.
        plain = {
            key: value if value is not None and abs(value) != float("inf") else None for key, value in found.items()
        }
        content = {**plain, "seeds": arguments.seeds, "runs": [run.to_json() for run in runs]}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    if arguments.plot is not None:
        plot_runs(runs, reference, title=f"{arguments.study}: hypervolume over time").write_html(arguments.plot)


def print_replays(runs: Sequence[Run]) -> None:
    """Print what early stopping would have done where it was only watched."""
    replays = [(run.seed, run.replay) for run in runs if run.replay is not None]
    if not replays:
        return
    print("\nearly stopping, replayed on the runs that watched their rungs")
    print(f"{'seed':>6}{'trials':>8}{'stopped':>9}{'epochs saved':>14}{'hypervolume lost':>18}")
    for seed, replay in replays:
        saved, lost = f"{replay.times_saved:.2f} x", f"{100 * replay.hypervolume_lost:.2f} %"
        print(f"{seed:>6}{replay.n_trials:>8}{replay.n_stopped:>9}{saved:>14}{lost:>18}")
    saved = median(replay.times_saved for _, replay in replays)
    lost = median(replay.hypervolume_lost for _, replay in replays)
    verdict = "may" if lost <= _MAX_LOST and saved >= _MIN_SAVED else "must not"
    print(
        f"medians: {saved:.2f} x saved, {100 * lost:.2f} % lost; it {verdict} be on by default here "
        f"(at most {100 * _MAX_LOST:.0f} % lost for at least {_MIN_SAVED:.0f} x saved)"
    )


if __name__ == "__main__":
    main()
