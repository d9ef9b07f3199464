import json

import pytest
from sqlalchemy import event

from dashboards.api.app import make_api
from dashboards.api.operations import OPERATIONS
from spaces.errors import StorageError
from storage.repository import Repository
from tests.builders import build_candidate
from tests.dashboards.api.conftest import PREFIX, resources_of


def test_database_without_a_study(empty_api):
    assert empty_api.json("/studies") == {"studies": []}


def test_studies_with_their_progress(api):
    (study,) = api.json("/studies")["studies"]
    assert study["name"] == "tiny"
    assert (study["is_synthetic"], study["data_note"]) == (True, "")
    assert study["trials"] == {"running": 1, "complete": 3, "failed": 1, "refused": 0, "stopped": 0}
    assert study["workers_alive"] == 1
    assert study["front"]["size"] == 2
    # Boxes to the reference point (0, 0, 1000 bytes): 0.5 * 0.25 * 500 and 0.8 * 0.1 * 100, shared 0.5 * 0.1 * 100.
    assert study["front"]["hypervolume"] == pytest.approx(62.5 + 8 - 5)


def test_what_a_study_was_made_from(api):
    study = api.json("/studies/tiny")
    assert study["spec"]["robustness"]["epsilons"] == [0.1]
    assert study["versions"] == {"python": "3.11"}


def test_trial_with_everything_that_is_stored(api):
    trial = api.json("/studies/tiny/trials/0")
    assert (trial["number"], trial["state"], trial["is_feasible"], trial["seed"]) == (0, "complete", True, 0)
    assert trial["candidate"] == build_candidate().to_json()
    assert trial["measurement"]["size_bytes"] == 500
    assert trial["timings"] == {"training_s": 1.5}
    assert trial["details"]["parent"]["source"] == "trained here"
    assert trial["artifacts"] == {"model.h5": "a" * 64}
    assert trial["started_at"].endswith("Z")


def test_trial_that_failed_and_one_that_runs(api):
    failed, running = (api.json(f"/studies/tiny/trials/{number}") for number in (3, 4))
    assert (failed["state"], failed["reason"], failed["measurement"]) == ("failed", "loss is not finite", None)
    assert (running["state"], running["finished_at"], running["is_feasible"]) == ("running", None, False)


def test_measurement(api):
    measurement = api.json("/studies/tiny/trials/1/measurement")
    assert (measurement["clean_accuracy"], measurement["robust_accuracy"]) == (0.8, 0.1)
    assert measurement["attack_accuracy"] == {"pgd": [0.1]}
    assert measurement["masking_suspect"] is False


def test_trials_come_page_by_page(api):
    numbers, after = [], None
    while True:
        page = api.json("/studies/tiny/trials?limit=2" + ("" if after is None else f"&after={after}"))
        assert page["total"] == 5
        numbers.append([trial["number"] for trial in page["trials"]])
        after = page["next_after"]
        if after is None:
            break
    assert numbers == [[0, 1], [2, 3], [4]]


def test_page_that_ends_with_the_last_trial_is_the_last_one(api):
    assert api.json("/studies/tiny/trials?limit=5")["next_after"] is None
    assert api.json("/studies/tiny/trials?after=4") == {"trials": [], "total": 5, "next_after": None}


def test_trials_of_one_state(api):
    page = api.json("/studies/tiny/trials?state=complete&limit=2")
    assert ([trial["number"] for trial in page["trials"]], page["total"], page["next_after"]) == ([0, 1], 3, 1)


def test_front_now_and_at_every_revision(api):
    def members(query):
        return [trial["number"] for trial in api.json(f"/studies/tiny/front{query}")["trials"]]

    assert members("") == [0, 1]
    assert [members(f"?revision={revision}") for revision in (0, 1, 2)] == [[], [0], [0, 1]]
    revisions = api.json("/studies/tiny/revisions")["revisions"]
    assert [(item["revision"], item["trial_number"], item["size"]) for item in revisions] == [
        (0, None, 0),
        (1, 0, 1),
        (2, 1, 2),
    ]
    assert api.json("/studies/tiny/front?revision=1")["revision"] == revisions[1]


@pytest.mark.parametrize("path", ["/studies/tiny/audits", "/studies/tiny/trials/0/audits"])
def test_audits(api, path):
    (audit,) = api.json(path)["audits"]
    assert (audit["number"], audit["n_examples"], audit["clean_accuracy"]) == (0, 4, 0.75)
    assert audit["whole_test"] == {"n_right": 6, "n_examples": 8, "accuracy": 0.75}
    assert (audit["is_complete"], audit["masking_suspect"]) == (True, True)
    (attack,), (curve,) = audit["attacks"], audit["worst_case"]
    assert attack["accuracy"] == curve["accuracy"] == [0.5, 0.25]
    assert all(low <= value <= high for (low, high), value in zip(curve["intervals"], curve["accuracy"], strict=True))
    assert attack["median_distance"] == pytest.approx(0.2)
    assert audit["checks"][0]["value"] is None  # infinite, which JSON does not know


def test_trial_without_audits(api):
    assert api.json("/studies/tiny/trials/1/audits") == {"audits": []}


def test_rungs_workers_and_refinements(api):
    (rung,) = api.json("/studies/tiny/trials/0/rungs")["rungs"]
    assert (rung["rung"], rung["goes_on"], rung["decision"]) == (0, True, {"rank": 0})
    (worker,) = api.json("/studies/tiny/workers")["workers"]
    assert (worker["name"], worker["state"], worker["trial_number"]) == ("w1", "idle", None)
    (run,) = api.json("/studies/tiny/refinements")["refinements"]
    assert (run["seed"], run["measurement"]["robust_accuracy"]) == (7, 0.3)


def test_reference_models(api):
    (model,) = api.json("/studies/tiny/references")["references"]
    assert (model["name"], model["title"], model["size_bytes"]) == ("published", "Published", 96_000)
    assert model["source"] == {"url": "u"}
    assert model["robust_accuracy"] == pytest.approx((0.5 + 0.25) / 2)
    assert (model["is_complete"], model["checks"]) == (False, None)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/studies/nope", 404, "no study 'nope'"),
        ("/studies/%00", 404, "no study"),
        ("/studies/..%2f..%2fetc", 404, ""),
        ("/studies/tiny/trials/9", 404, "no trial 9"),
        ("/studies/tiny/trials/3/measurement", 404, "is failed: it was not measured"),
        ("/studies/tiny/front?revision=3", 404, "revisions 0 to 2; got 3"),
        ("/nothing", 404, ""),
        ("/studies/tiny/trials/x", 400, "number must be a whole number from 0 to 2147483647; got 'x'"),
        ("/studies/tiny/trials/-1", 400, "number must be"),
        ("/studies/tiny/trials/99999999999999999999", 400, "number must be"),
        ("/studies/tiny/trials/\u0663", 400, "number must be"),
        ("/studies/tiny/trials?limit=0", 400, "limit must be a whole number from 1 to 500; got '0'"),
        ("/studies/tiny/trials?limit=501", 400, "limit must be"),
        ("/studies/tiny/trials?state=done", 400, "running, complete, failed, refused, stopped; got 'done'"),
        ("/studies/tiny/trials?page=2", 400, "unknown parameter 'page'; known here: state, after, limit"),
        ("/studies/tiny/trials?limit=1&limit=2", 400, "given 2 times"),
        ("/studies?x=1", 400, "known here: none"),
        ("/studies/tiny/front?revision=", 400, "revision must be"),
    ],
)
def test_what_cannot_be_answered_says_why(api, path, status, said):
    answer = api.get(path)
    assert (answer.status_code, answer.mimetype) == (status, "application/json")
    assert answer.json["status"] == status
    assert said in answer.json["message"]
    assert answer.headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_api_is_for_reading(api, method):
    answer = api.app.test_client().open(f"{PREFIX}/studies", method=method)
    assert answer.status_code == answer.json["status"] == 405
    assert {name.strip() for name in answer.headers["Allow"].split(",")} == {"GET", "HEAD"}


def test_answer_is_sent_again_only_when_it_changed(api):
    first = api.get("/studies/tiny/front")
    assert first.headers["Cache-Control"] == "private, no-cache"
    again = api.get("/studies/tiny/front", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")
    assert api.get("/studies/tiny/front", headers={"If-None-Match": '"other"'}).status_code == 200


def test_database_that_is_away_is_told_without_its_password(engine, monkeypatch):
    def fail(*_):
        raise StorageError("database postgresql://me:***@db/x: connection refused.", is_transient=True)

    monkeypatch.setattr(Repository, "find_study", fail)
    answer = make_api(resources_of(engine), prefix=PREFIX).test_client().get(f"{PREFIX}/studies/tiny")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "connection refused" in answer.json["message"]


def test_mistake_of_ours_tells_nothing_of_itself(engine, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("postgresql://me:secret@db/x")

    monkeypatch.setattr(Repository, "find_study", fail)
    answer = make_api(resources_of(engine), prefix=PREFIX).test_client().get(f"{PREFIX}/studies/tiny")
    assert answer.status_code == 500
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", ["/studies", "/studies/tiny/trials", "/studies/tiny/front", "/studies/tiny/audits"])
def test_number_of_queries_does_not_grow_with_the_trials(api, engine, path):
    queries = []

    def note(*arguments):
        queries.append(arguments[2])

    event.listen(engine, "before_cursor_execute", note)
    api.json(path)
    event.remove(engine, "before_cursor_execute", note)
    selects = [query for query in queries if query.lstrip().startswith("SELECT")]
    assert len(selects) <= 6, selects


def test_every_address_is_in_the_document(api):
    document = api.json("/openapi.json")
    assert document["openapi"] == "3.1.0"
    assert document["servers"] == [{"url": PREFIX}]
    assert set(document["paths"]) == {operation.path for operation in OPERATIONS}
    assert len({operation.name for operation in OPERATIONS}) == len(OPERATIONS)
    assert "Optional" not in json.dumps(document)
