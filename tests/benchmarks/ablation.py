"""What each part of the search brings, at equal training time: bits, Jacobian terms, both, and adversarial training.

    python -m tests.benchmarks.ablation --storage FOLDER [--study cifar] [--minutes 60] [--data-dir DIR]
        [--arms NAME ...] [--at-clean 0.75 ...] [--json FILE] [--plot FILE.html] [--images FOLDER] [--show]

Arms, each the same study with some choices fixed (`tests.benchmarks.ablation_arms`):

    bits only            Jacobian weights 0
    JR only              bits at the study's widest
    bits, then JR        half of the time for bits, which are the first half of "bits only"; then Jacobian weights alone
                         on the bits of the knee; its candidates are those of both halves
    joint                the service as it is, without adversarial training
    joint, adversarial   the same with adversarial training: the study's settings, else shares 0.5 and 1 at its radii
    adversarial only     single-step adversarial training at the widest bits without Jacobian terms

Every arm has a database of its own in the folder, begins at the same float parents, which are trained once before and
whose time counts for none, and is measured on the same examples. Its time is that of its trials: starts, trainings and
measurements as their database has them, so the same command goes on where it was interrupted. An arm ends after the
trial that crosses its time; that trial is not counted. Hypervolumes are those of the study's objectives and reference
point. `--show` trains nothing: it reads what the folder has, as `docs/results/cifar-ablation` has it, and takes the
minutes from there.
"""

import argparse
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dashboards.images import write_images
from search.bootstrap import open_memory
from search.cli.interrupt import EXIT_INTERRUPTED
from spaces.errors import SearchError, SelectionError
from spaces.spec_files import load_spec
from spaces.study_spec import StudySpec
from storage.records import TrialRecord
from tests.benchmarks.ablation_arms import ARMS, BITS, IN_TURN, on_chosen_bits, overrides_of
from tests.benchmarks.ablation_figures import ArmResult, arm_result, chosen_bits, pictures, table, write_page
from tests.benchmarks.ablation_search import SearchOptions
from tests.benchmarks.ablation_time import Timed, timed, used_s, within
from tests.benchmarks.search_efficiency import check_folder, claim_folder, kept_settings

_MINUTES = 60.0
_PARENTS = "parents"
_DATABASE = "studies.db"


def main() -> None:
    try:
        run(parse_arguments())
    except SearchError as error:
        sys.exit(str(error))
    except (KeyboardInterrupt, subprocess.CalledProcessError) as error:
        if isinstance(error, subprocess.CalledProcessError) and error.returncode != EXIT_INTERRUPTED:
            sys.exit(f"a search failed with exit code {error.returncode}; the same command goes on after it is mended.")
        print("stopped; the same command goes on from there", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)


def run(arguments: argparse.Namespace) -> None:
    """Run the arms, print the table after each, and write the files."""
    spec = load_spec(arguments.study)
    settle(arguments, spec)
    ablation = Ablation(arguments, spec)
    if not arguments.show:
        ablation.train_parents()
    results = []
    for arm in arguments.arms:
        results.append(ablation.run_arm(arm))
        if not arguments.show or arm == arguments.arms[-1]:
            print("\n".join(table(results, at_clean=arguments.at_clean)), flush=True)
    if arguments.json is not None:
        content = {**settings_of(arguments, spec), "arms": [item.to_json() for item in results]}
        arguments.json.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    figures = pictures(results, spec)
    if arguments.plot is not None:
        write_page(figures, arguments.plot)
    if arguments.images is not None:
        write_images(figures, arguments.images, image_format="svg")


def settle(arguments: argparse.Namespace, spec: StudySpec) -> None:
    """Fill in the minutes, and hold the settings against those of the folder."""
    folder, option = arguments.storage, "--storage"
    if arguments.minutes is None:
        arguments.minutes = kept_settings(folder, option=option)["budget_s"] / 60 if arguments.show else _MINUTES
    settings = settings_of(arguments, spec)
    if arguments.show:
        del settings["study"]  # its file may lie elsewhere
        check_folder(folder, settings, option=option)
    else:
        claim_folder(folder, settings, option=option)


def parse_arguments(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--storage", type=Path, required=True, help="folder of the databases")
    parser.add_argument("--study", default="cifar", help="a preset or a TOML file")
    parser.add_argument("--minutes", type=float, help=f"of every arm's trials; by default {_MINUTES:g}")
    parser.add_argument("--data-dir", type=Path, help="where data are looked for first")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--at-clean", nargs="+", type=float, default=[0.65, 0.75], help="clean accuracies of the table")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--plot", type=Path, help="write the pictures here, as HTML")
    parser.add_argument("--images", type=Path, help="write the pictures into this folder, as SVG; needs Kaleido")
    parser.add_argument("--show", action="store_true", help="only read the searches that the folder has")
    return parser.parse_args(arguments)


def settings_of(arguments: argparse.Namespace, spec: StudySpec) -> dict[str, Any]:
    """Return what all arms in a folder must share."""
    return {"study": arguments.study, "budget_s": 60 * arguments.minutes, "spec": spec.fingerprint}


class Ablation:
    """The arms of one study, each in a folder of its own."""

    def __init__(self, arguments: argparse.Namespace, spec: StudySpec) -> None:
        self._arguments, self._spec = arguments, spec
        self._budget_s = 60 * arguments.minutes

    def train_parents(self) -> None:
        """Train the float parents, unless they are there."""
        (self._arguments.storage / _PARENTS).mkdir(exist_ok=True)
        self._call(_PARENTS, {}, budget_s=None)

    def run_arm(self, arm: str) -> ArmResult:
        """Search, or go on searching, and return what was reached within the time."""
        if arm == IN_TURN:
            items, is_exhausted = self._run_in_turn()
        else:
            items, is_exhausted = self._search(arm, overrides_of(arm, self._spec), budget_s=self._budget_s)
        return arm_result(arm, items, self._spec, at_clean=self._arguments.at_clean, is_exhausted=is_exhausted)

    def _run_in_turn(self) -> tuple[list[Timed], bool]:
        first, _ = self._search(BITS, overrides_of(IN_TURN, self._spec), budget_s=self._budget_s / 2)
        begun_s = first[-1].end_s if first else 0.0
        try:
            overrides = on_chosen_bits(self._spec, chosen_bits(first, self._spec))
        except SelectionError as error:  # an arm that comes to nothing is a result, too
            print(f"{IN_TURN}: {error}", flush=True)
            return first, False
        second, is_exhausted = self._search(IN_TURN, overrides, budget_s=self._budget_s - begun_s)
        moved = [Timed(record=item.record, end_s=begun_s + item.end_s) for item in second]
        return [*first, *moved], is_exhausted

    def _search(self, name: str, overrides: dict[str, Any], *, budget_s: float) -> tuple[list[Timed], bool]:
        """Return the trials within the time, and whether there was nothing left to try before its end."""
        slug = name.replace(", ", "-").replace(" ", "-").lower()
        if self._arguments.show:
            self._check_there(slug)
        else:
            self._begin_at_parents(slug)
            self._call(slug, overrides, budget_s=budget_s)
        records = self._records(slug)
        return within(timed(records), budget_s), used_s(records) < budget_s

    def _check_there(self, slug: str) -> None:
        if not self._database(slug).is_file():
            sys.exit(f"--show: {self._database(slug)} is not there; without --show it is searched, or name --arms.")

    def _begin_at_parents(self, slug: str) -> None:
        """Give an arm a copy of the database in which the parents were trained: studies share what is in one."""
        folder = self._arguments.storage / slug
        if folder.exists():
            return
        unfinished = folder.with_suffix(".unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        shutil.copytree(self._arguments.storage / _PARENTS, unfinished)
        unfinished.replace(folder)

    def _options(self, slug: str, overrides: dict[str, Any], budget_s: float | None) -> SearchOptions:
        return SearchOptions(
            study=self._arguments.study,
            name=self._name(slug),
            storage=str(self._database(slug)),
            data_dir=None if self._arguments.data_dir is None else str(self._arguments.data_dir),
            overrides=overrides,
            budget_s=budget_s,
        )

    def _call(self, slug: str, overrides: dict[str, Any], *, budget_s: float | None) -> None:
        options = json.dumps(asdict(self._options(slug, overrides, budget_s)))
        subprocess.run([sys.executable, "-m", "tests.benchmarks.ablation_search", options], check=True)

    def _records(self, slug: str) -> list[TrialRecord]:
        repository = open_memory(str(self._database(slug))).repository
        return repository.trials(repository.get_study(self._name(slug)).id)

    def _name(self, slug: str) -> str:
        return f"{self._spec.name}-{slug}"

    def _database(self, slug: str) -> Path:
        return self._arguments.storage / slug / _DATABASE


if __name__ == "__main__":
    main()
