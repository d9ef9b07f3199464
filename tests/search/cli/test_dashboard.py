"""The command: what it prints, how it ends, and a real server on a free port."""

import http.client
import json
import re
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest

from dashboards.server.serving import bind
from search.bootstrap import create_memory
from search.dashboard_setup import DashboardOptions, make_access, make_dashboard
from spaces.errors import SetupError
from tests.builders import build_outcome, create_study, run_trial
from tests.dashboards.server.requests import ask
from tests.integration.tiny import GUARD_S, clean_environment, search_command
from tests.search.cli.running import make_runner


def options(**changes) -> DashboardOptions:
    values = {
        "storage": "studies.db", "host": "127.0.0.1", "allowed_hosts": (), "proxy_header": None, "allow_edit": False,
        "data_dir": None,
    }  # fmt: skip
    return DashboardOptions(**{**values, **changes})


@pytest.fixture
def memory(tmp_path):
    memory = create_memory(str(tmp_path / "studies.db"))
    study = create_study(memory.repository)
    run_trial(memory.claims, study.id, 0, build_outcome(0.5, 0.25, size_bytes=500))
    return memory


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    return make_runner(monkeypatch, capsys)


def test_port_in_use_is_one_line_and_exit_2(run):
    with bind("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        ran = run("dashboard", "--port", str(port))
    assert (ran.code, ran.output) == (2, "")
    assert ran.errors == (
        f"error: 127.0.0.1 port {port} is in use; end what listens there, or choose another --port.\n"
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--host", "192.0.2.1"), 2, "is no address of this machine"),
        (("--host", "no such host"), 2, "is no address that this machine knows"),
        (("--trusted-proxy-header", "X-Forwarded-For"), 2, "e.g. X-Forwarded-User"),
        (("--storage", "nowhere/studies.db"), 4, "nowhere does not exist"),
    ],
)
def test_mistakes_are_named(run, arguments, code, said):
    ran = run("dashboard", "--port", "0", *arguments)
    assert (ran.code, len(ran.errors.splitlines())) == (code, 1)
    assert said in ran.errors


def test_password_of_a_database_is_masked(run):
    ran = run("dashboard", "--port", "0", "--storage", "postgresql://me:secret@localhost:1/x")
    assert ran.code in (2, 4)  # 2 where the driver is not installed
    assert "secret" not in ran.output + ran.errors


def test_free_port_is_taken_where_none_is_named():
    with bind("localhost", 0) as listener:
        assert listener.getsockname()[0] == "127.0.0.1"
    with pytest.raises(SetupError, match="no address"):
        bind("no such host", 0)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_alone_needs_no_token(host):
    assert make_access(options(host=host), port=8080).token is None


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "node7"])
def test_others_need_a_token_or_a_proxy(host):
    first, second = (make_access(options(host=host), port=8080).token for _ in range(2))
    assert first is not None
    assert first != second
    access = make_access(options(host=host, proxy_header="X-Forwarded-User"), port=8080)
    assert (access.token, access.proxy_header) == (None, "X-Forwarded-User")


def test_three_applications_by_path_over_one_database(memory):
    made = make_dashboard(memory, options(), port=8080)
    assert (made.address, made.query) == ("http://127.0.0.1:8080/", "")
    assert ask(made.application, "/cosearch").headers["Location"] == "/cosearch/"
    assert ask(made.application, "/cosearch/").status_code == 200
    assert ask(made.application, "/cosearch/api/studies").json["studies"][0]["name"] == "tiny"
    assert ask(made.application, "/cosearch/api").status_code == 404
    assert 'href="/cosearch/"' in ask(made.application, "/dashboard").text
    assert ask(made.application, "/api/studies").json == {"study_summaries": []}
    assert ask(made.application, "/api/studies", method="POST", json={}).status_code == 405


def test_pages_answer_their_callback(memory):
    made = make_dashboard(memory, options(), port=8080)
    refused = ask(
        made.application, "/cosearch/_dash-update-component", method="POST", json={}, headers={"Origin": "http://x.y"}
    )
    assert refused.status_code == 403
    assert ask(made.application, "/cosearch/_dash-layout").status_code == 200


def test_address_for_others_holds_the_token(memory):
    made = make_dashboard(memory, options(host="0.0.0.0"), port=8080)
    assert re.fullmatch(r"\?token=[\w-]{43}", made.query)
    assert ask(made.application, "/").status_code == 401
    assert ask(made.application, f"/{made.query}").status_code == 303


@contextmanager
def serving(folder, *arguments):
    """Run the command, yield it with the lines that it prints first, and end it."""
    process = subprocess.Popen(
        search_command("dashboard", "--port", "0", *arguments), cwd=folder, env=clean_environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith("Ctrl-C"):
                break
        yield process, lines
    finally:
        process.kill()
        process.communicate()


def get(port, path, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GUARD_S)
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    body = answer.read().decode()
    connection.close()
    return answer, body


def port_of(lines):
    (line,) = [line for line in lines if line.startswith("pages")]
    return int(re.search(r":(\d+)/", line)[1])


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_server_starts_without_a_study_answers_and_ends_cleanly(tmp_path, number):
    with serving(tmp_path) as (process, lines):
        port = port_of(lines)
        assert lines == [
            "made the empty database sqlite:///studies.db; `launch` fills it",
            f"pages   http://127.0.0.1:{port}/cosearch/",
            f"Optuna  http://127.0.0.1:{port}/",
            f"API     http://127.0.0.1:{port}/cosearch/api/openapi.json",
            "Ctrl-C ends it",
        ]
        assert get(port, "/cosearch/api/studies")[1] == '{"studies":[]}'
        assert get(port, "/cosearch/")[0].status == 200
        assert get(port, "/dashboard")[0].status == 200
        assert get(port, "/api/studies", Host="evil.example")[0].status == 403
        process.send_signal(number)
        output, errors = process.communicate(timeout=GUARD_S)
        assert (process.returncode, output, errors) == (130, "", "")
    with socket.socket() as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))


@pytest.mark.slow
def test_addresses_for_machines(tmp_path):
    process = subprocess.Popen(
        search_command("dashboard", "--port", "0", "--json"), cwd=tmp_path, env=clean_environment(),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        text = ""
        for line in process.stdout:
            text += line
            if line == "}\n":
                break
        values = json.loads(text)
        port = int(re.search(r":(\d+)/", values["pages"])[1])
        assert values == {
            "pages": f"http://127.0.0.1:{port}/cosearch/",
            "optuna": f"http://127.0.0.1:{port}/",
            "api": f"http://127.0.0.1:{port}/cosearch/api/openapi.json",
        }
        assert get(port, "/cosearch/")[0].status == 200
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=GUARD_S)
    finally:
        process.kill()
        process.communicate()
    assert (process.returncode, output) == (130, "")
    assert errors.endswith("Ctrl-C ends it\n")


@pytest.mark.slow
def test_server_for_others_asks_for_its_token(tmp_path):
    with serving(tmp_path, "--host", "0.0.0.0") as (_, lines):
        port = port_of(lines)
        (token,) = {value for line in lines for value in re.findall(r"\?token=([\w-]+)", line)}
        assert get(port, "/cosearch/")[0].status == 401
        assert get(port, "/cosearch/?token=wrong")[0].status == 401
        exchanged, _ = get(port, f"/cosearch/?token={token}")
        assert (exchanged.status, exchanged.headers["Location"]) == (303, "/cosearch/")
        cookie = exchanged.headers["Set-Cookie"]
        assert cookie.startswith(f"cosearch-token-{port}=")
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie
        assert get(port, "/cosearch/", Cookie=cookie.partition(";")[0])[0].status == 200


@pytest.mark.slow
def test_server_loads_no_tensorflow(tmp_path):
    code = (
        "import sys; from search.bootstrap import create_memory; from search.dashboard_setup import *;"
        "make_dashboard(create_memory('s.db'), DashboardOptions(storage='s.db', host='127.0.0.1', allowed_hosts=(),"
        " proxy_header=None, allow_edit=False, data_dir=None), port=1); print('tensorflow' in sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=clean_environment(), capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == "False"
