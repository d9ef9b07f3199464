"""The report is one page that loads nothing, escapes everything and warns where it must."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dashboards import write_report
from dashboards.figures.frame import SYNTHETIC_WARNING
from spaces.errors import ExportError, SelectionError
from storage.records import TrialState
from tests.dashboards.builders import (
    edge_cases,
    make_audit,
    make_check,
    make_measurement,
    make_outcome,
    make_snapshot,
    make_study,
    make_trial,
    realistic_snapshot,
)

ATTACK = "<script>alert('x')</script>"


class _Page(HTMLParser):
    """Collects tags with their attributes, and the text outside scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._open = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._open = tag

    def handle_endtag(self, tag: str) -> None:
        self._open = "" if tag == self._open else self._open

    def handle_data(self, data: str) -> None:
        if self._open not in ("script", "style"):
            self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def realistic_page(tmp_path_factory: pytest.TempPathFactory) -> str:
    return _read(write_report(realistic_snapshot(), tmp_path_factory.mktemp("report") / "report.html"))


def test_page_loads_nothing(realistic_page: str) -> None:
    assert 'src="http' not in realistic_page
    for tag, attributes in _Page(realistic_page).tags:
        assert tag not in ("link", "iframe", "img", "base"), tag
        assert not {"src", "href"} & set(attributes), (tag, attributes)
    assert "default-src 'none'" in realistic_page
    # Once as the library's own banner; the figures bring no second copy.
    assert len(re.findall(r"\* plotly\.js v", realistic_page)) == 1


def test_figures_cannot_be_uploaded(realistic_page: str) -> None:
    assert realistic_page.count('"showSendToCloud": false') == realistic_page.count("Plotly.newPlot(  ") == 8


def test_page_is_structured(realistic_page: str) -> None:
    page = _Page(realistic_page)
    tags = dict(page.tags)
    assert tags["html"] == {"lang": "en"}
    assert (page.count("h1"), page.count("main"), page.count("title")) == (1, 1, 1)
    assert page.count("h2") == 10
    assert page.count("figure") == page.count("figcaption") == 8
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    for name, attributes in page.tags:
        if name == "th":
            assert attributes["scope"] in ("col", "row")
        if name == "figure":
            assert attributes["aria-labelledby"] in ids


def test_page_tells_the_facts(realistic_page: str) -> None:
    text = _Page(realistic_page).text
    for fact in (
        "Study cifar",
        "digits, fingerprint 0123456789ab",
        "27 complete, 2 failed, 1 refused",
        "0.5/255, 1/255, 2/255, 4/255, 8/255",
        "clean_accuracy >= 0.55",
        "tensorflow 2.15.0",
        "the loss is not finite in epoch 2",
        "the same candidate was measured as trial 12",
        "Accuracy under each attack alone, run on every example that is classified right.",
    ):
        assert fact in text, fact
    assert SYNTHETIC_WARNING not in text


def test_page_tells_which_checks_fired_and_marks_the_trial(tmp_path: Path) -> None:
    checks = [make_check("saturated_activations", 0.3, 0.25), make_check("deterministic", 0.1, 0, is_precondition=True)]
    snapshot = make_snapshot([make_trial(0, measurement=make_measurement(checks=checks)), make_trial(2)], front=[0, 2])
    text = _read(write_report(snapshot, tmp_path / "report.html"))
    # Copied or searched for, the name is one word.
    assert "saturated_<wbr>activations" in text
    page = _Page(text).text
    for part in (
        "#0? (baseline)",
        "deterministic (precondition)",
        "0.3 (0.25)",
        "1 trials were checked",
        "docs/checks.md",
        "masking suspect",
    ):
        assert part in page, part


def test_page_without_audits_says_how_to_make_one(realistic_page: str) -> None:
    assert "`python -m search audit --study cifar --select knee`" in _Page(realistic_page).text


def test_page_shows_audits_and_folds_their_attacks(tmp_path: Path) -> None:
    pgd, better = make_outcome("pgd", ("1110", "1010")), make_outcome("pgd", ("1111", "1111"))
    fmn = make_outcome("fmn", ("1110", "1010"), distances=[0.5, 0.25, float("inf"), 0.1])
    snapshot = make_snapshot(
        [make_trial(0), make_trial(2)],
        audits=[
            make_audit(0, [pgd, fmn], checks=[make_check("search_against_audit")]),
            make_audit(2, [better, fmn], checks=None),
        ],
    )
    text = _read(write_report(snapshot, tmp_path / "report.html"))
    page = _Page(text)
    for part in (
        "full, all 2",
        "not computed yet",
        "100.0% (51.0\N{EN DASH}100.0)",
        "75.0% (30.1\N{EN DASH}95.4)",
        "0 : 0, p 1",
        "against the baseline #0?",
        "Every attack of the audit of #2",
        "0.3750",
        "search_against_audit",
    ):
        assert part in page.text, part
    assert (page.count("details"), page.count("summary")) == (2, 2)
    assert 'id="audits"' in text


def test_audit_that_has_just_begun_is_shown_as_such(tmp_path: Path) -> None:
    audits = [make_audit(0, [], checks=None, n_planned=27)]
    text = _Page(_read(write_report(make_snapshot([make_trial(0)], audits=audits), tmp_path / "report.html"))).text
    assert "full, partial: 0 of 27" in text
    assert "No audit has a finished L-inf attack yet." in text


def test_synthetic_study_has_a_banner(tmp_path: Path) -> None:
    text = _read(write_report(realistic_snapshot(n_trials=4, is_synthetic=True), tmp_path / "report.html"))
    assert f'<p class="banner" role="alert">{SYNTHETIC_WARNING}</p>' in text


def test_note_of_the_data_stands_with_the_facts(tmp_path: Path) -> None:
    snapshot = realistic_snapshot(n_trials=4)
    study = replace(snapshot.study, data={**snapshot.study.data, "note": "a 10,000-digit part of SVHN"})
    text = _Page(_read(write_report(replace(snapshot, study=study), tmp_path / "report.html"))).text
    assert "digits, a 10,000-digit part of SVHN, fingerprint 0123456789ab" in text


def test_page_tells_which_trials_were_stopped_and_why(tmp_path: Path) -> None:
    reason = "stopped after 2 of 8 epochs: place 3 of 4 that reached the rung; the best 2 go on"
    snapshot = make_snapshot([make_trial(0), make_trial(2, state=TrialState.STOPPED, reason=reason)], front=[0])
    text = _Page(_read(write_report(snapshot, tmp_path / "report.html"))).text
    for part in ("1 stopped", "Stopped, failed and refused trials", reason):
        assert part in text, part


def test_texts_of_a_study_are_escaped(tmp_path: Path) -> None:
    trials = [make_trial(0), make_trial(1, state=TrialState.FAILED, reason=ATTACK)]
    snapshot = make_snapshot(trials, front=[0], study=make_study(name=f"s{ATTACK}"))
    text = _read(write_report(snapshot, tmp_path / "report.html"))
    assert ATTACK not in text
    page = _Page(text)
    assert page.text.count(ATTACK) >= 3  # heading, title and reason, as text


def test_reason_that_is_no_unicode_text_is_shown(tmp_path: Path) -> None:
    snapshot = make_snapshot([make_trial(0, state=TrialState.FAILED, reason="bad \udcff byte")])
    assert "bad \\udcff byte" in _read(write_report(snapshot, tmp_path / "report.html"))


@pytest.mark.parametrize("case", edge_cases())
def test_every_edge_case_has_a_report(case: str, tmp_path: Path) -> None:
    path = write_report(edge_cases()[case], tmp_path / "report.html")
    assert "Study tiny" in _read(path)
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]


def test_same_snapshot_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_report(edge_cases()["one trial"], tmp_path / name) for name in ("a.html", "b.html"))
    assert first.read_bytes() == second.read_bytes()


def test_chosen_trials_are_drawn(tmp_path: Path) -> None:
    text = _read(write_report(realistic_snapshot(), tmp_path / "report.html", chosen=[5, 9]))
    assert "Not measured: #9." in text
    assert '"name":"#5"' in text


def test_unknown_chosen_trial_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(SelectionError):
        write_report(edge_cases()["one trial"], tmp_path / "report.html", chosen=[7])
    assert not list(tmp_path.iterdir())


def test_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"folder .*missing does not exist; create it"):
        write_report(edge_cases()["empty"], tmp_path / "missing" / "report.html")


def test_path_that_cannot_be_replaced_is_an_export_error(tmp_path: Path) -> None:
    (tmp_path / "report.html").mkdir()
    with pytest.raises(ExportError, match="cannot be written"):
        write_report(edge_cases()["empty"], tmp_path / "report.html")
    assert [item.name for item in tmp_path.iterdir()] == ["report.html"]


def test_write_protected_folder_is_an_export_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(ExportError, match="Permission denied"):
        write_report(edge_cases()["empty"], tmp_path / "report.html")
