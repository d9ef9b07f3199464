"""Figures as files; drawing them takes a Chromium."""

import builtins
import pkgutil
import shutil
from dataclasses import replace

import pytest

from dashboards import images
from dashboards.images import study_figures, write_images
from spaces.errors import ExportError
from tests.dashboards.builders import edge_cases, realistic_snapshot

HEADS = {"png": b"\x89PNG", "svg": b"<svg", "pdf": b"%PDF"}


def test_every_figure_of_a_study_has_a_name():
    names = list(study_figures(realistic_snapshot(n_trials=6)))
    assert names == ["front-3d", "front", "layers", "hypervolume", "robustness", "attacks"]


def test_note_of_the_data_stands_below_every_title():
    whole = realistic_snapshot(n_trials=6)
    part = replace(whole, study=replace(whole.study, data={**whole.study.data, "note": "a part of it"}))
    for name, figure in study_figures(part).items():
        was = study_figures(whole)[name].layout
        assert figure.layout.title.subtitle.text.split("<br>")[-1] == "data: a part of it"
        assert (figure.layout.height, figure.layout.margin.t) == (was.height, was.margin.t + 20)


def test_study_without_results_has_nothing_to_draw(tmp_path):
    with pytest.raises(ExportError, match="wait for its first complete trial"):
        write_images(study_figures(edge_cases()["empty"]), tmp_path, image_format="png")


def test_other_formats_are_refused(tmp_path):
    with pytest.raises(ExportError, match="png, svg, pdf; got 'gif'"):
        write_images({}, tmp_path, image_format="gif")


def test_missing_kaleido_names_the_extra(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("kaleido"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ExportError, match=r"cosearch\[figures\]"):
        write_images(study_figures(realistic_snapshot(n_trials=3)), tmp_path / "out", image_format="png")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("error", "arguments", "said"),
    [
        ("choreographer.errors.BrowserFailedError", ("It closed.", "See the log."), "the images: It closed. Try again"),
        ("choreographer.errors.BrowserClosedError", (), "draw the images: BrowserClosedError. Try again"),
        ("choreographer.errors.ChannelClosedError", ("pipe",), "draw the images: pipe. Try again"),
        ("kaleido.errors.KaleidoError", (525, "no figure"), "draw the images: no figure. Try again"),
        ("builtins.TimeoutError", (), "draw the images: TimeoutError. Try again"),
        ("choreographer.errors.ChromeNotFoundError", (), "install one"),
        ("builtins.PermissionError", (13, "Permission denied"), "images cannot be written to .*: Permission denied"),
    ],
)
def test_failing_browser_is_one_line(tmp_path, monkeypatch, error, arguments, said):
    pytest.importorskip("kaleido")
    raised_by_kaleido = pkgutil.resolve_name(error)(*arguments)

    def fail(*_, **__):
        raise raised_by_kaleido

    monkeypatch.setattr(images.pio, "write_images", fail)
    with pytest.raises(ExportError, match=said) as raised:
        write_images(study_figures(realistic_snapshot(n_trials=3)), tmp_path, image_format="png")
    assert "--" not in str(raised.value)  # a benchmark with other options calls it too


@pytest.mark.browser
@pytest.mark.parametrize("image_format", HEADS)
def test_images_are_what_their_name_says(tmp_path, image_format):
    if shutil.which("chromium") is None:
        pytest.skip("needs Debian's chromium")
    figures = study_figures(realistic_snapshot(n_trials=4))
    kept = {name: figures[name] for name in ("front", "hypervolume")}
    files = write_images(kept, tmp_path / "new" / "folder", image_format=image_format)
    assert [file.name for file in files] == [f"front.{image_format}", f"hypervolume.{image_format}"]
    assert all(file.read_bytes().startswith(HEADS[image_format]) for file in files)
