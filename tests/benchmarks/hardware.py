"""What the hardware offers, each against what the service does now, side by side in one run.

    python -m tests.benchmarks.hardware [--json FILE] [--rounds 15] [--only NAME ...]

A ratio below 1 is a gain. Ratios are medians over rounds in which every variant has its turn.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks.hardware_parts import EXPERIMENTS, Row


def print_table(rows: list[Row]) -> None:
    print(f"{'experiment':<22}{'variant':<34}{'median ms':>10}{'ratio':>8}  note")
    for row in rows:
        print(f"{row.experiment:<22}{row.variant:<34}{row.milliseconds:>10.1f}{row.ratio:>8.2f}  {row.note}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the rows here")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--only", nargs="+", choices=sorted(EXPERIMENTS), default=list(EXPERIMENTS))
    arguments = parser.parse_args()
    rows: list[Row] = []
    for name in arguments.only:
        found = EXPERIMENTS[name](arguments.rounds)
        print_table(found)
        rows += found
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
