"""What the commands show of one launched study, and what it left in the database and on disk."""

import csv
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable

import optuna
import pytest

from search.cli import app
from search.sampling import open_optuna_storage
from spaces.objectives import METRICS
from storage.records import TrialState
from tests.builders import check_front
from tests.integration.tiny import TRIALS, clean_environment, write_tiny

Shown = Callable[..., tuple[int, str, str]]


@pytest.fixture
def shown(tiny, monkeypatch, capsys) -> Shown:
    """Run a command in the study's folder; return exit code, stdout and stderr."""
    monkeypatch.chdir(tiny.folder)
    for name in ("SEARCH_STORAGE", "COLUMNS", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["search", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        output = capsys.readouterr()
        return int(ended.value.code or 0), output.out, output.err

    return run


@pytest.fixture
def launched(tiny, shown, monkeypatch, tmp_path) -> Shown:
    """Launch in a copy of the study's folder, because a launch may change the stored budget."""
    folder = shutil.copytree(tiny.folder, tmp_path / "copy")
    monkeypatch.chdir(folder)
    return lambda *arguments: shown("launch", *arguments)


def front_numbers(tiny) -> list[int]:
    memory = tiny.memory
    return [record.number for record in memory.repository.front(memory.repository.get_study("tiny").id)]


def test_launch_ends_with_the_front_and_the_next_commands(tiny):
    assert tiny.launched.returncode == 0
    output = tiny.launched.stdout
    assert output.count("clean 0.") == TRIALS
    assert f"[{TRIALS}/{TRIALS}]" in output
    _, after = output.split("Pareto front of tiny: ")
    for command in ("front --study tiny", "report --study tiny", "export --study tiny --select knee", "dashboard"):
        assert f" -m search {command}" in after  # by whichever interpreter runs the tests
    assert "synthetic" not in output


def test_printed_command_works_as_it_stands(tiny):
    (command,) = [line for line in tiny.launched.stdout.splitlines() if "search front" in line]
    done = subprocess.run(
        command, shell=True, cwd=tiny.folder, env=clean_environment(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Pareto front of tiny" in done.stdout


def test_launch_says_nothing_on_stderr(tiny):
    assert tiny.launched.stderr == ""


def test_output_is_plain_text_of_at_most_80_columns(tiny, shown):
    _, front, _ = shown("front", "--study", "tiny")
    _, studies, _ = shown("studies")
    for text in (tiny.launched.stdout, front, studies):
        assert "\x1b" not in text
    assert max(len(line) for line in (tiny.launched.stdout + front).splitlines() if line[:1] in set("┏┃┡│└")) <= 80
    assert max(len(line) for line in studies.splitlines()) <= 80


def test_every_trial_of_the_budget_is_there_once(tiny):
    trials = tiny.trials()
    assert [record.number for record in trials if record.state is TrialState.COMPLETE] == list(range(TRIALS))
    assert len({record.candidate.fingerprint for record in trials}) == TRIALS
    assert all(record.is_told for record in trials)


def test_stored_front_is_the_front_of_all_results(tiny):
    repository = tiny.memory.repository
    study = repository.get_study("tiny")
    assert check_front(repository, study.id) == []
    assert repository.front(study.id)


def test_optuna_has_our_values(tiny):
    study = optuna.load_study(study_name="tiny", storage=open_optuna_storage(f"sqlite:///{tiny.database}"))
    names = ["clean_accuracy", "robust_accuracy", "size_bytes"]
    assert study.metric_names == names
    assert [direction.name for direction in study.directions] == ["MAXIMIZE", "MAXIMIZE", "MINIMIZE"]
    for record, told in zip(tiny.trials(), study.trials, strict=True):
        assert told.values == [record.measurement.metric(name) for name in names]


@pytest.mark.parametrize("launched_study", ["tiny", "infeasible"])
def test_artifacts_on_disk_are_those_of_front_baselines_and_parent(launched_study, request):
    tiny = request.getfixturevalue(launched_study)
    memory = tiny.memory
    study = memory.repository.get_study("tiny")
    kept = {0, 1, *front_numbers(tiny)}
    digests = set()
    for number in range(len(tiny.trials())):
        models = memory.repository.artifacts(study.id, number)
        assert set(models) == ({"model.json", "weights.npz"} if number in kept else set())
        digests |= set(models.values())
    parents = memory.repository.referenced_digests() - digests
    assert len(parents) == 1
    assert memory.artifacts.digests() == digests | parents
    files = [path for path in (tiny.folder / "studies.artifacts").rglob("*") if path.is_file()]
    assert {path.name for path in files} == digests | parents


def test_status_counts(tiny, shown):
    code, text, _ = shown("status", "--study", "tiny")
    assert (code, f"{TRIALS} complete, 0 failed" in text) == (0, True)
    _, text, _ = shown("status", "--study", "tiny", "--json")
    values = json.loads(text)
    assert values["trials"] == {"running": 0, "complete": TRIALS, "failed": 0, "refused": 0, "stopped": 0}
    assert values["trial_budget"] == TRIALS
    assert values["front"] == front_numbers(tiny)
    assert values["is_synthetic"] is False
    assert values["hypervolume"] > 0


def test_studies_lists_the_study(tiny, shown):
    (row,) = json.loads(shown("studies", "--json")[1])
    assert (row["name"], row["data"], row["complete"]) == ("tiny", "digits", TRIALS)
    assert row["front_size"] == len(front_numbers(tiny))


def test_front_as_json_is_what_is_stored(tiny, shown):
    values = json.loads(shown("front", "--study", "tiny", "--json")[1])
    records = {record.number: record for record in tiny.trials()}
    assert [value["number"] for value in values] == front_numbers(tiny)
    for value in values:
        record = records[value["number"]]
        assert value["measurement"] == record.measurement.to_json()
        assert value["candidate"] == record.candidate.to_json()
        assert value["seed"] == record.seed
        assert value["is_synthetic"] is False


@pytest.mark.parametrize("command", ["front", "status", "report", "export"])
def test_study_file_stands_for_the_study_s_name(tiny, shown, tmp_path, command):
    out = {"report": ("--out", str(tmp_path / "page.html")), "export": ("--select", "trial:99")}.get(command, ())
    by_name, by_file = (shown(command, "--study", name, *out) for name in ("tiny", "tiny.toml"))
    assert by_file == by_name


def test_front_is_printed_with_the_figures_of_its_trials(tiny, shown):
    text = shown("front", "--study", "tiny")[1]
    members = [record for record in tiny.trials() if record.number in front_numbers(tiny)]
    for record in members:
        figures, policies = record.measurement, record.candidate.policies.values()
        (line,) = [line for line in text.splitlines() if re.match(rf"│ +{record.number}\*?\?? ", line)]
        cells = [cell.strip() for cell in line.strip("│").split("│")]
        weight_bits = sum(policy.weight_bits for policy in policies) / len(policies)
        assert cells[1:4] == [
            f"{figures.clean_accuracy:.3f}",
            f"{figures.robust_accuracy:.3f}",
            f"{figures.size_bytes:,}",
        ]
        assert cells[5].startswith(f"{weight_bits:.1f}/")


def test_front_as_csv_has_a_column_for_every_figure_and_choice(tiny, shown):
    rows = list(csv.DictReader(io.StringIO(shown("front", "--study", "tiny", "--csv")[1])))
    records = {record.number: record for record in tiny.trials()}
    assert [int(row["trial"]) for row in rows] == front_numbers(tiny)
    for row in rows:
        record = records[int(row["trial"])]
        assert (row["is_synthetic"], row["data_note"]) == ("false", "")
        assert row["masking_suspect"] == str(record.measurement.masking_suspect).lower()
        for name in METRICS:
            assert float(row[name]) == record.measurement.metric(name)
        assert (float(row["worst_case_at_0.02"]), float(row["worst_case_at_0.1"])) == record.measurement.worst_case
        for layer, policy in record.candidate.policies.items():
            assert int(row[f"{layer}.weight_bits"]) == policy.weight_bits
            assert row[f"{layer}.activation_bits"] == str(policy.activation_bits or "")
            assert float(row[f"{layer}.jr_weight"]) == policy.jr_weight
    assert len(rows[0]) == 3 + len(METRICS) + 1 + 2 + 4 * 3


def test_past_fronts_read_back_and_unknown_ones_are_bad_input(tiny, shown):
    assert json.loads(shown("front", "--study", "tiny", "--at", "0", "--json")[1]) == []
    assert shown("front", "--study", "tiny", "--at", "0", "--csv")[1].startswith(
        "trial,is_synthetic,data_note,clean_accuracy"
    )
    first = json.loads(shown("front", "--study", "tiny", "--at", "1", "--json")[1])
    assert [value["number"] for value in first] == [0]
    assert "revision 1" in shown("front", "--study", "tiny", "--at", "1")[1]
    code, text, _ = shown("front", "--study", "tiny", "--at", "0")
    assert (code, "the Pareto front of tiny is empty at revision 0" in text) == (0, True)
    code, _, error = shown("front", "--study", "tiny", "--at", "99")
    assert (code, "revisions 0 to" in error, "got 99" in error) == (2, True, True)


def test_report_is_one_page_about_the_study(tiny, shown, tmp_path):
    code, text, _ = shown("report", "--study", "tiny", "--out", str(tmp_path / "page.html"))
    assert (code, "page.html" in text) == (0, True)
    page = (tmp_path / "page.html").read_text()
    assert "tiny" in page
    assert 'src="http' not in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--select", "best:speed"), "a trial is chosen by front, knee"),
        (("--select", "trial:99"), "no trial 99"),
        (("--format", "onnx"), "--format takes keras"),
    ],
)
def test_wrong_export_is_bad_input_and_leaves_nothing(tiny, shown, tmp_path, arguments, said):
    code, _, error = shown("export", "--study", "tiny", "--out", str(tmp_path / "out"), *arguments)
    assert (code, said in error) == (2, True)
    assert error.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_model_that_was_removed_cannot_be_exported(infeasible, shown, monkeypatch, tmp_path):
    monkeypatch.chdir(infeasible.folder)
    code, _, error = shown("export", "--study", "tiny", "--select", "trial:2", "--out", str(tmp_path / "out"))
    assert (code, error.count("\n")) == (2, 1)
    assert "trial 2 of study 'tiny' has no stored model" in error
    assert "--keep-all" in error


def test_export_does_not_overwrite(tiny, shown, tmp_path):
    (tmp_path / "tiny-trial-0").mkdir()
    code, _, error = shown("export", "--study", "tiny", "--select", "trial:0", "--out", str(tmp_path))
    assert (code, "exists; remove it or choose another --out" in error) == (2, True)
    assert list((tmp_path / "tiny-trial-0").iterdir()) == []


@pytest.mark.parametrize("trials", [2, TRIALS])
def test_launch_of_a_finished_study_trains_nothing_and_prints_the_front(tiny, launched, shown, trials):
    code, text, error = launched("--study", "tiny.toml", "--trials", str(trials))
    assert (code, error) == (0, "")
    assert "Pareto front of tiny" in text
    assert "clean 0." not in text
    status = json.loads(shown("status", "--study", "tiny", "--json")[1])
    assert (status["trials"]["complete"], status["trial_budget"]) == (TRIALS, trials)
    assert status["front"] == front_numbers(tiny)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed = 3", "seed = 4", "seed: stored 3, given 4"),
        ("pgd_steps = 2", "pgd_steps = 3", "robustness.pgd_steps: stored 2, given 3"),
        ("[2, 4, 8]", "[2, 8]", "layers.weight_bits: stored [2, 4, 8], given [2, 8]"),
    ],
)
def test_changed_key_is_exit_3_with_both_values(launched, tmp_path, old, new, said):
    write_tiny(tmp_path / "copy", {old: new})
    code, _, error = launched("--study", "tiny.toml")
    assert (code, error.count("\n")) == (3, 1)
    assert said in error
    assert "study 'tiny'" in error


def test_unknown_sampler_is_bad_input(launched):
    code, _, error = launched("--study", "tiny.toml", "--sampler", "best")
    assert (code, "--sampler must be one of tpe, nsga2, random; got 'best'" in error) == (2, True)
