"""The application through its own doors: documents, assets and callbacks, without a browser."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient

from dashboards.pages.app import CSP_HASHES, make_pages
from spaces.errors import SelectionError
from tests.dashboards.builders import edge_cases, realistic_snapshot
from tests.dashboards.stored import open_database, services_of, store

SCREEN = {"theme": "light", "is_narrow": False}


class _Exports:
    """Knows two formats; refuses trial 3."""

    def formats(self) -> tuple[str, ...]:
        return ("keras", "c")

    def targets(self) -> tuple[str, ...]:
        return ()

    def export(self, study: str, number: int, *, formats: tuple[str, ...], target: str | None) -> bytes:
        if number == 3:
            raise SelectionError("trial 3 has no model; choose another.")
        return f"{study} {number} {formats} {target}".encode()


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    engine = open_database(tmp_path_factory.mktemp("pages"))
    store(engine, realistic_snapshot(), name="study")
    for name, snapshot in edge_cases().items():
        store(engine, snapshot, name=name.replace(" ", "-"))
    return make_pages(services_of(engine, exports=_Exports())).test_client()


def call(client: FlaskClient, output: str, values: Mapping[str, Any], *, changed: str = "") -> dict[str, Any] | None:
    """Call the first callback with an output that begins so, as a browser does; None where it updates nothing."""
    known = [item for item in client.get("/cosearch/_dash-dependencies").json if not item["clientside_function"]]
    callback = next(
        item for item in known if any(part.startswith(output) for part in item["output"].strip(".").split("..."))
    )
    outputs = [
        {"id": part.rsplit(".", 1)[0], "property": part.rsplit(".", 1)[1].split("@")[0]}
        for part in callback["output"].strip(".").split("...")
    ]

    def sent(item: Mapping[str, str]) -> Any:
        if item["id"].startswith("{"):
            return []
        name = f"{item['id']}.{item['property']}"
        return {"id": item["id"], "property": item["property"], "value": values.get(name)}

    body = {
        "output": callback["output"],
        "outputs": outputs if callback["output"].startswith("..") else outputs[0],
        "inputs": [sent(item) for item in callback["inputs"]],
        "state": [sent(item) for item in callback["state"]],
        "changedPropIds": [changed] if changed else [],
    }
    response = client.post("/cosearch/_dash-update-component", json=body)
    assert response.status_code in (200, 204), response.text
    return response.json["response"] if response.status_code == 200 else None


def _shown(client: FlaskClient, path: str) -> str:
    answer = call(client, "main.children", {"url.pathname": f"/cosearch/{path}"})
    assert answer is not None
    return json.dumps(answer)


def test_document_loads_nothing_from_elsewhere(client: FlaskClient) -> None:
    text = client.get("/cosearch/study/study/front").text
    assert '<html lang="en">' in text
    sources = [part.split('"')[0] for part in text.split('src="')[1:]]
    assert sources
    assert all(source.startswith("/cosearch/") for source in sources)
    assert client.application.config[CSP_HASHES]


@pytest.mark.parametrize("name", ["pages.css", "screen.js", "roles.js"])
def test_assets_are_served(client: FlaskClient, name: str) -> None:
    with client.get(f"/cosearch/assets/{name}") as response:
        assert response.status_code == 200


def test_list_of_studies_names_every_study(client: FlaskClient) -> None:
    text = _shown(client, "")
    assert all(f"study/{name.replace(' ', '-')}/front" in text for name in edge_cases())


@pytest.mark.parametrize("case", edge_cases())
@pytest.mark.parametrize("page", ["front", "layers", "progress"])
def test_study_with_little_to_show_has_pages(client: FlaskClient, case: str, page: str) -> None:
    assert f"study/{case.replace(' ', '-')}/{page}" in _shown(client, f"study/{case.replace(' ', '-')}/{page}")


def test_page_of_a_failed_trial_gives_its_reason(client: FlaskClient) -> None:
    assert "the loss is not finite in epoch 2" in _shown(client, "study/study/trial/9")


def test_page_of_a_trial_without_an_audit_says_how_to_make_one(client: FlaskClient) -> None:
    assert "python -m search audit --study study --select trial:3" in _shown(client, "study/study/trial/3")


@pytest.mark.parametrize("path", ["study/none/front", "study/study/trial/99", "elsewhere"])
def test_what_is_not_there_is_told(client: FlaskClient, path: str) -> None:
    assert "Nothing here" in _shown(client, path)


@pytest.mark.parametrize(
    ("output", "page", "settings"),
    [
        ("front.figure", "front", {"front-view.value": "size_bytes+robust_accuracy"}),
        ("front.figure", "front", {"front-view.value": "clean_accuracy+robust_accuracy+size_bytes"}),
        ("choices.figure", "layers", {}),
        ("importance.figure", "layers", {}),
        ("bytes.figure", "layers", {"bytes-trial.value": 99}),
        ("growth.figure", "progress", {"growth-over.value": "time"}),
        ("timeline.figure", "progress", {}),
        ("rungs.figure", "progress", {}),
        ("curve.figure", "trial", {}),
    ],
)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_figures_are_drawn(client: FlaskClient, output: str, page: str, settings: dict[str, Any], theme: str) -> None:
    place = {"study": "study", "page": page, "number": 4 if page == "trial" else None}
    values = {"screen.data": {**SCREEN, "theme": theme}, "place.data": place, "stamp.data": "1", **settings}
    answer = call(client, output, values)
    assert answer is not None
    figure = answer[output.split(".")[0]]["figure"]
    assert (figure["layout"].get("paper_bgcolor") == "#171C22") == (theme == "dark")
    assert figure["layout"]["uirevision"]


def test_nothing_is_drawn_before_the_screen_is_known(client: FlaskClient) -> None:
    assert call(client, "choices.figure", {"place.data": {"study": "study"}}) is None


def test_export_sends_an_archive_of_the_offered_formats_alone(client: FlaskClient) -> None:
    values = {
        "export-run.n_clicks": 1,
        "export-formats.value": ["c", "../../etc"],
        "place.data": {"study": "study", "number": 4},
    }
    answer = call(client, "export-file.data", values)
    assert answer is not None
    assert answer["export-file"]["data"]["filename"] == "study-4-c.zip"


def test_refused_export_says_why(client: FlaskClient) -> None:
    values = {"export-run.n_clicks": 1, "export-formats.value": ["c"], "place.data": {"study": "study", "number": 3}}
    answer = call(client, "export-file.data", values)
    assert answer == {"export-error": {"children": "trial 3 has no model; choose another."}}


def test_poll_of_a_study_that_stands_still_changes_no_figure(client: FlaskClient) -> None:
    place = {"study": "study", "page": "front", "number": None}
    shown = call(client, "main.children", {"url.pathname": "/cosearch/study/study/front"})
    assert shown is not None
    answer = call(client, "stamp.data@", {"place.data": place, "stamp.data": shown["stamp"]["data"]})
    assert answer is not None
    assert "stamp" not in answer
