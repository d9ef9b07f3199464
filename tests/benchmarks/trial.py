"""What a trial costs: steps, attacks, start and memory, side by side in one run.

    python -m tests.benchmarks.trial [--json FILE] [--storage URL --study NAME]

With a study, the search suite is timed on the models of its front, and ART's attack on the most robust of them; without
one, only against ours where nothing breaks, which is the worst case for ours. ART must be installed for its comparison.
"""

import argparse
import json
from pathlib import Path

from tests.benchmarks.attack_times import art_ratio, art_ratio_unbroken, front_suite_seconds
from tests.benchmarks.trial_parts import memory_growth, second_trial_start, step_ratios

TARGETS = {
    "qat_over_float": "<= 1.15",
    "jr_exact_over_qat": "<= 2.6",
    "jr_default_over_qat": "<= 1.3",
    "naive_over_jr_exact": ">= 4",
    "second_trial_start_s": "<= 0.5",
    "art_over_pgd20": ">= 10",
    "art_over_pgd20_unbroken": "",
    "search_suite_s": "<= 12",
    "rss_growth": "<= 1.10",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--storage", help="database of a study with a front")
    parser.add_argument("--study", default="cifar", help="its name")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--trials", type=int, default=100, help="trials of the memory measurement")
    arguments = parser.parse_args()
    figures = step_ratios(rounds=arguments.rounds)
    figures["second_trial_start_s"] = second_trial_start()
    figures["art_over_pgd20_unbroken"] = art_ratio_unbroken()
    if arguments.storage is not None:
        figures["art_over_pgd20"] = art_ratio(arguments.storage, arguments.study)
        figures["search_suite_s"] = front_suite_seconds(arguments.storage, arguments.study)
    figures["rss_growth"] = memory_growth(n_trials=arguments.trials)
    print(f"{'key':<24}{'measured':>10}  target")
    for key, target in TARGETS.items():
        measured = f"{figures[key]:.3f}" if key in figures else "not run"
        print(f"{key:<24}{measured:>10}  {target}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
