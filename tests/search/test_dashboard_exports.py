"""The export service around a stand-in of the command line, which does what it is told by the trial's number."""

import io
import json
import sys
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from search import dashboard_exports
from search.dashboard_exports import ExportSettings, SubprocessExports, archive
from spaces.errors import ExportError, SelectionError
from storage.claims import ClaimRepository
from storage.migrations import upgrade
from storage.repository import Repository
from storage.sql import open_engine
from tests.builders import build_failure, build_outcome, create_study, run_trial

SECRET = "postgresql://me:secret@db/studies"

# Trial 0 is exported, 1 fails, 2 takes too long, 3 leaves nothing behind.
STAND_IN = """
import json, os, sys, time
from pathlib import Path
options = dict(item.removeprefix("--").split("=", 1) for item in sys.argv[2:])
if options["select"] == "trial:1":
    sys.exit("a warning\\nerror: trial 1 has no model any more.")
if options["select"] == "trial:2":
    time.sleep(600)
if options["select"] == "trial:0":
    folder = Path(options["out"]) / "tiny-trial-0"
    (folder / "keras").mkdir(parents=True)
    (folder / "keras" / "model.h5").write_bytes(b"model")
    (folder / "manifest.json").write_text(json.dumps([sys.argv[1:], os.environ["SEARCH_STORAGE"]]))
"""


@pytest.fixture
def repository(tmp_path):
    engine = open_engine(f"sqlite:///{tmp_path}/studies.db")
    upgrade(engine)
    repository, claims = Repository(engine), ClaimRepository(engine)
    study = create_study(repository)
    for number in range(4):
        run_trial(claims, study.id, number, build_outcome(0.5, 0.25, size_bytes=500))
    run_trial(claims, study.id, 4, build_failure())
    yield repository
    engine.dispose()


@pytest.fixture
def exports(repository, tmp_path):
    script = tmp_path / "stand_in.py"
    script.write_text(STAND_IN)
    settings = ExportSettings(storage=SECRET, command=(sys.executable, str(script)), time_limit_s=60.0)
    exports = SubprocessExports(repository, settings)
    yield exports
    exports.close()


def export(exports, number, study="tiny", formats=("keras",), target=None):
    return exports.export(study, number, formats=formats, target=target)


def has_ended(pid):
    """Tell whether a process is gone, or dead and not yet collected by whoever took it over."""
    for _ in range(100):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_archive_holds_the_exported_folder_under_a_name_of_ours(exports):
    content = export(exports, 0, formats=["keras", "c"], target="cortex-m4")
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        assert packed.namelist() == ["trial-0/keras/model.h5", "trial-0/manifest.json"]
        assert packed.read("trial-0/keras/model.h5") == b"model"
        command, storage = json.loads(packed.read("trial-0/manifest.json"))
    *options, out = command
    assert options == ["export", "--study=tiny", "--select=trial:0", "--format=keras,c", "--target=cortex-m4"]
    assert out.startswith("--out=")
    assert storage == SECRET
    assert "secret" not in " ".join(command)


def test_failed_export_says_what_its_command_said(exports):
    with pytest.raises(ExportError, match=r"^trial 1 has no model any more\.$"):
        export(exports, 1)


def test_export_that_leaves_nothing_is_an_error(exports):
    with pytest.raises(ExportError, match="left 0 entries"):
        export(exports, 3)


def test_export_that_takes_too_long_is_ended(repository, exports):
    settings = ExportSettings(storage=SECRET, command=exports._settings.command, time_limit_s=0.5)
    with pytest.raises(ExportError, match="took longer than 0 s"):
        export(SubprocessExports(repository, settings), 2)


@pytest.mark.parametrize("redirected", ["", " 2>/dev/null"])
@pytest.mark.parametrize("ended", ["wait", "exit 3"])
def test_what_an_export_started_ends_with_it(repository, tmp_path, redirected, ended):
    pid_file = tmp_path / "pid"
    script = f"sleep 600{redirected} & echo $! > {pid_file}; {ended}"
    settings = ExportSettings(storage=SECRET, command=("sh", "-c", script), time_limit_s=1.0)
    began = time.monotonic()
    with pytest.raises(ExportError, match=r"took longer than 1 s|exit code 3"):
        export(SubprocessExports(repository, settings), 2)
    assert time.monotonic() - began < 5.0
    assert has_ended(int(pid_file.read_text()))


def test_closing_ends_what_an_export_started(repository, tmp_path):
    pid_file = tmp_path / "pid"
    script = f"sleep 600 & echo $! > {pid_file}.new; mv {pid_file}.new {pid_file}; wait"
    exports = SubprocessExports(repository, ExportSettings(storage=SECRET, command=("sh", "-c", script)))
    with ThreadPoolExecutor() as pool:
        running = pool.submit(export, exports, 2)
        while not pid_file.exists():
            time.sleep(0.01)
        exports.close()
        with pytest.raises(ExportError, match="exit code -9"):
            running.result(timeout=20)
    assert has_ended(int(pid_file.read_text()))


def test_process_that_left_the_group_does_not_hold_the_export_up(repository, monkeypatch):
    monkeypatch.setattr(dashboard_exports, "_LAST_WORDS_S", 0.2)
    command = ("sh", "-c", "setsid sleep 8 & wait")
    settings = ExportSettings(storage=SECRET, command=command, time_limit_s=0.5)
    began = time.monotonic()
    with pytest.raises(ExportError, match="took longer than 0 s"):
        export(SubprocessExports(repository, settings), 2)
    assert time.monotonic() - began < 5.0


def test_one_export_of_a_trial_at_a_time_and_two_in_all(exports):
    failures = []

    def run():
        try:
            export(exports, 2)
        except ExportError as error:
            failures.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    while ("tiny", 2) not in exports._running or exports._running["tiny", 2] is None:
        time.sleep(0.01)
    with pytest.raises(ExportError, match="trial 2 of study 'tiny' is being exported already"):
        export(exports, 2)
    exports._running["tiny", 9] = None
    with pytest.raises(ExportError, match="2 exports run already"):
        export(exports, 0)
    del exports._running["tiny", 9]
    exports.close()
    thread.join(timeout=60)
    assert len(failures) == 1
    assert export(exports, 0)  # its place is free again


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"formats": ["keras", "../x"]}, r"got \.\./x"),
        ({"formats": []}, "got none"),
        ({"target": "../../etc/passwd"}, "targets are .*cortex-m4"),
        ({"target": "my.toml"}, "targets are"),
    ],
)
def test_formats_and_targets_are_known_names(exports, arguments, said):
    with pytest.raises(ExportError, match=said):
        export(exports, 0, **arguments)


@pytest.mark.parametrize("study", ["nope", "../tiny", "/etc/passwd", "study.toml", "--storage"])
def test_only_a_stored_study_reaches_the_command(exports, study):
    with pytest.raises(SelectionError, match="no study"):
        export(exports, 0, study=study)


def test_trial_must_be_complete(exports):
    with pytest.raises(SelectionError, match="trial 4 of study 'tiny' is failed"):
        export(exports, 4)
    with pytest.raises(SelectionError, match="no trial 9"):
        export(exports, 9)


def test_command_that_cannot_be_started_is_an_error(repository):
    settings = ExportSettings(storage=SECRET, command=("/nowhere/python",))
    with pytest.raises(ExportError, match="cannot be started"):
        export(SubprocessExports(repository, settings), 0)


def test_what_is_on_offer(exports):
    assert exports.formats()[0] == "keras"
    assert "cortex-m4" in exports.targets()


def test_equal_folders_make_equal_archives_without_links(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("same")
    (tmp_path / "b" / "link").symlink_to("/etc/passwd")
    assert archive(tmp_path / "a", name="t") == archive(tmp_path / "b", name="t")
