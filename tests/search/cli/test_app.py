"""The command line's answers that need no study: help, and errors in one line with their exit code."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import typer.main

from search.bootstrap import create_memory
from search.cli import app
from spaces.errors import DataError
from tests.builders import create_study
from tests.integration.tiny import TRIALS, clean_environment, run_search, search_command, write_tiny
from tests.search.cli.running import make_runner

COMMANDS = ("launch", "status", "front", "studies", "export", "report")
HEAVY = ("tensorflow", "tf_keras", "numpy", "sqlalchemy", "optuna", "pydantic", "plotly", "sklearn")

Failing = Callable[..., tuple[int, str]]


@pytest.fixture
def failing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., tuple[int, str]]:
    """Run a command in an empty folder; return its exit code and the one line it leaves on stderr."""
    monkeypatch.chdir(tmp_path)
    for name in ("SEARCH_STORAGE", "SEARCH_DATA_DIR"):
        monkeypatch.delenv(name, raising=False)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["search", *arguments])
        with pytest.raises(SystemExit) as ended:
            app.main()
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ")
        assert isinstance(ended.value.code, int)
        return ended.value.code, line

    return run


def test_help_answers_at_once(tmp_path):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    shown = run_search("--help", folder=tmp_path)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert shown.returncode == 0
    assert all(command in shown.stdout for command in COMMANDS)
    # Of the processor, not of the wall clock: the machine may be busy.
    assert (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime) < 1.0


def test_command_line_imports_nothing_heavy():
    code = f"import sys, search.cli.app; print([name for name in {HEAVY} if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["search", command, "--help"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "--storage" in text
    assert "[default: studies.db]" in text


def test_help_of_launch_names_the_variable_for_data(monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "argv", ["search", "launch", "--help"])
    with pytest.raises(SystemExit):
        app.main()
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "--data-dir" in line]
    assert "SEARCH_DATA_DIR" in line


def test_launch_runs_digits_unless_told_otherwise(failing, monkeypatch):
    # Missing data end the launch before it starts; what it looked for shows which study it was.
    def missing(data_spec, **_):
        raise DataError(f"no {data_spec.name} here.")

    monkeypatch.setattr("search.study_data.load_raw", missing)
    assert failing("launch") == (2, "error: digits: no digits here.")


def test_one_machine_format_at_a_time(failing):
    assert failing("front", "--json", "--csv") == (2, "error: --json and --csv were both given; choose one.")


@pytest.mark.parametrize("command", ["status", "front", "export", "report"])
def test_study_file_that_is_missing_is_named_by_reading_commands(failing, command):
    code, line = failing(command, "--study", "nope.toml")
    assert (code, "study file nope.toml does not exist" in line) == (2, True)


def test_square_brackets_in_an_error_are_shown(failing):
    assert "'[bold]x[/]'" in failing("launch", "--data", "[bold]x[/]")[1]


def test_interrupt_while_data_are_prepared_ends_at_once(monkeypatch, capsys, tmp_path):
    def load(*_, **__):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
        pytest.fail("the interrupt did not end the preparation")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("search.study_data.load_raw", load)
    monkeypatch.setattr(sys, "argv", ["search", "launch"])
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 130
    assert capsys.readouterr() == ("", "")


def test_unknown_study_lists_the_presets(failing):
    code, line = failing("launch", "--study", "nope")
    assert code == 2
    assert "'nope'" in line
    assert "digits" in line


def test_missing_study_file_is_named(failing):
    code, line = failing("launch", "--study", "nope.toml")
    assert (code, "study file nope.toml does not exist" in line) == (2, True)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("seed = 3", "sead = 3", ["tiny.toml: sead", "unknown key", "value 3"]),
        ("epochs = 1\n", "epoch = 1\n", ["tiny.toml: training.epoch", "unknown key"]),
        ("[2, 4, 8]", "[2, 9]", ["tiny.toml: layers.weight_bits", "[1, 2, 3, 4, 6, 8]", "got 9"]),
        ("[3, 8]", "[1, 8]", ["tiny.toml: layers.activation_bits", "[2, 3, 4, 6, 8]", "got 1"]),
        ("[0.02, 0.1]", "[8]", ["tiny.toml: robustness.epsilons[0] = 8", "(0, 1]", "Did you mean 8/255?"]),
        (
            "epochs = 1\n",
            "epochs = 1\nadversarial_epsilon = 4\n",
            ["tiny.toml: training.adversarial_epsilon", "4/255?"],
        ),
        ("[training]", '[[layers.rules]]\nmatch = "c9"\nweight_bits = 2\n[training]', ["tiny.toml: layers.rules[0]"]),
        ('"digits_cnn"', '"vgg"', ["tiny.toml: topology.name = 'vgg'", "resnet8, digits_cnn"]),
        ('"digits"', '"mnist"', ["tiny.toml: data.name = 'mnist'", "digits, cifar10"]),
        ("examples = 300", "examples = 9000", ["tiny.toml: data.validation_examples", "1436", "got 9000"]),
        ("[parent]", '[parent]\nfile = "my.h5"', ["tiny.toml: parent.file = 'my.h5' does not exist"]),
        ('name = "digits"', 'loader = "mine:load"', ["tiny.toml: data.loader = 'mine:load'", "mine"]),
        (f"trials = {TRIALS}", "trials = 1", ["tiny.toml: budget.trials = 1"]),
        (f"trials = {TRIALS}", "trials = ", ["tiny.toml: not valid TOML"]),
    ],
)
def test_mistake_in_a_study_file_is_named_before_anything_is_stored(failing, tmp_path, old, new, said):
    write_tiny(tmp_path, {old: new})
    code, line = failing("launch", "--study", "tiny.toml")
    assert code == 2
    assert all(part in line for part in said), line
    assert not (tmp_path / "studies.db").exists()


def test_rule_for_a_layer_that_does_not_exist_lists_the_layers(failing, tmp_path):
    write_tiny(tmp_path, {"[training]": '[[layers.rules]]\nmatch = "conv9"\nweight_bits = 2\n[training]'})
    assert "its layers are conv0, conv1, conv2, dense." in failing("launch", "--study", "tiny.toml")[1]


def test_other_words_for_data_are_refused(failing):
    assert failing("launch", "--data", "cifar")[0] == 2


@pytest.mark.parametrize("command", ["status", "front", "export", "report"])
def test_study_that_is_not_stored_is_bad_input(failing, command):
    create_memory("studies.db")
    code, line = failing(command, "--study", "nope")
    assert code == 2
    assert "no study 'nope' in sqlite:///studies.db" in line


@pytest.mark.parametrize("command", ["status", "front", "studies", "export", "report"])
def test_database_that_cannot_be_opened_is_exit_4(failing, command, tmp_path):
    code, line = failing(command, "--storage", "nowhere/studies.db")
    assert (code, "nowhere does not exist" in line) == (4, True)
    (tmp_path / "letter.txt").write_text("Dear database, " * 100)
    code, line = failing(command, "--storage", "letter.txt")
    assert (code, "file is not a database" in line) == (4, True)


@pytest.mark.parametrize("command", ["status", "front", "studies", "export", "report"])
def test_reading_makes_no_database(failing, command, tmp_path):
    code, line = failing(command, "--storage", "typo.db")
    assert (code, "`launch` makes one" in line) == (4, True)
    assert list(tmp_path.iterdir()) == []


def test_launch_on_an_unreachable_database_is_exit_4(failing, tmp_path):
    write_tiny(tmp_path)
    code, line = failing("launch", "--study", "tiny.toml", "--storage", "nowhere/studies.db")
    assert (code, "nowhere does not exist" in line) == (4, True)


def test_password_of_a_database_is_masked(failing):
    code, line = failing("status", "--storage", "postgresql://me:secret@localhost:1/x")
    assert code in (2, 4)  # 2 where the driver is not installed
    assert "secret" not in line


def test_missing_cifar_lists_what_was_tried_and_what_to_put_where(failing, monkeypatch, tmp_path):
    def offline(*_, **__):
        raise DataError("no network.")

    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KERAS_HOME", raising=False)
    monkeypatch.setattr("search.data.cifar10.fetch", offline)
    code, line = failing("launch", "--study", "cifar")
    assert code == 2
    for part in (
        "CIFAR-10 was not found",
        "--data-dir (not given)",
        "SEARCH_DATA_DIR (not set)",
        str(tmp_path / ".keras" / "datasets"),
        "no network",
        "cifar-10-python.tar.gz",
        "cifar10.npz",
        "--data synthetic",
    ):
        assert part in line


def test_interrupt_before_the_work_begins_is_exit_130(monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "app", interrupt)
    with pytest.raises(SystemExit) as ended:
        app.main()
    assert ended.value.code == 130


def test_wrong_use_of_an_option_is_exit_2(tmp_path):
    shown = subprocess.run(
        search_command("launch", "--trials", "1"), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert shown.returncode == 2
    assert "Traceback" not in shown.stderr


def test_every_command_answers_machines():
    commands = typer.main.get_command(app.app).commands
    leaves = {name: item for name, item in commands.items() if not hasattr(item, "commands")}
    leaves |= {f"db {name}": item for name, item in commands["db"].commands.items()}
    assert len(leaves) == 18
    without = [name for name, item in leaves.items() if "--json" not in {opt for p in item.params for opt in p.opts}]
    assert without == []


def test_report_names_its_files_for_machines(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    create_study(create_memory("studies.db").repository)
    ran = make_runner(monkeypatch, capsys)("report", "--study", "tiny", "--out", "page.html", "--json")
    assert (ran.code, json.loads(ran.output), ran.errors) == (0, {"files": ["page.html"]}, "")
    assert (tmp_path / "page.html").is_file()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("launch", "--workers", "0"), "Invalid value for '--workers'"),
        (("front", "--nope"), "No such option: --nope"),
        (("nope",), "No such command 'nope'"),
        (("worker",), "Missing option '--study'"),
        (("db", "backup"), "Missing argument"),
    ],
)
def test_arguments_that_do_not_hold_are_one_line_with_a_way_out(failing, arguments, line):
    code, shown = failing(*arguments)
    assert code == 2
    assert shown.startswith(f"error: {line}")
    assert "--help` lists what it takes." in shown


def test_quiet_silences_remarks_of_one_command_alone(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    create_study(create_memory("studies.db").repository)
    run = make_runner(monkeypatch, capsys)
    quiet, loud = (run(*flags, "report", "--study", "tiny") for flags in (("--quiet",), ()))
    assert (quiet.code, quiet.output, quiet.errors) == (0, "", "")
    assert loud.output == "wrote report.html\n"


def test_command_that_is_left_out_gets_the_help(monkeypatch, capsys):
    ran = make_runner(monkeypatch, capsys)("db")
    assert (ran.code, ran.errors) == (2, "")
    assert "backup" in ran.output


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", [("front",), ("front", "--csv"), ("status", "--json")])
def test_output_onto_a_full_disk_is_one_line(tmp_path, arguments, unbuffered):
    create_study(create_memory(f"{tmp_path}/studies.db").repository)
    command = search_command(*arguments, "--study", "tiny")
    environment = clean_environment(PYTHONUNBUFFERED=unbuffered)
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            command, cwd=tmp_path, env=environment, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    said = "error: standard output cannot be written: No space left on device. Make room, or send it elsewhere.\n"
    assert (ended.returncode, ended.stderr) == (2, said)


def test_reader_that_has_gone_is_no_traceback(tmp_path):
    create_study(create_memory(f"{tmp_path}/studies.db").repository)
    read, write = os.pipe()
    os.close(read)
    command = search_command("status", "--json", "--study", "tiny")
    ended = subprocess.run(
        command, cwd=tmp_path, env=clean_environment(), stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (ended.returncode, ended.stderr) == (1, "")


def test_other_errors_of_the_system_keep_their_traceback(monkeypatch, capsys):
    def fail(**_):
        raise OSError("something else")

    monkeypatch.setattr(app, "app", fail)
    with pytest.raises(OSError, match="something else"):
        app.main()
