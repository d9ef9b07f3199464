import pytest

from dashboards.server.access import Access, Token
from dashboards.server.guard import Guard, content_policy
from dashboards.server.hosts import AllowedHosts
from tests.dashboards.server.requests import ask

TOKEN = Token(value="right", cookie_value="biscuit")


def echo(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("Access-Control-Allow-Origin", "*")])
    return [environ["PATH_INFO"].encode()]


def guard(token: Token | None = None) -> Guard:
    access = Access(hosts=AllowedHosts.of("127.0.0.1"), token=token, cookie_name="cosearch-token-8080")
    return Guard(echo, access, our_policy=content_policy(["'sha256-abc'"]))


def test_what_may_pass_reaches_the_application():
    answer = ask(guard(), "/some/path")
    assert (answer.status_code, answer.text) == (200, "/some/path")


def test_refusal_says_what_to_do():
    answer = ask(guard(), "/api/studies/1", method="DELETE")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert "--allow-edit" in answer.text
    answer = ask(guard(), "/", base_url="http://evil.example/")
    assert answer.status_code == 403
    assert "--allowed-host" in answer.text
    answer = ask(guard(TOKEN), "/")
    assert (answer.status_code, answer.headers["Cache-Control"]) == (401, "no-store")
    assert "?token=" in answer.text


@pytest.mark.parametrize(
    ("path", "status"), [("/", 200), ("/cosearch/", 200), ("/cosearch/api/studies", 200), ("/?token=wrong", 401)]
)
def test_every_answer_has_the_security_headers(path, status):
    answer = ask(guard(TOKEN), path, headers={} if status == 401 else {"Authorization": "Bearer right"})
    assert answer.status_code == status
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_our_pages_run_known_scripts_only_and_optunas_policy_is_its_own():
    policy = ask(guard(), "/cosearch/").headers["Content-Security-Policy"]
    assert "script-src 'self' 'sha256-abc';" in policy
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "Content-Security-Policy" not in ask(guard(), "/dashboard").headers


def test_token_is_exchanged_for_a_cookie_and_leaves_the_address():
    answer = ask(guard(TOKEN), "/cosearch/study?name=a%26b&token=right")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/cosearch/study?name=a%26b"
    assert answer.headers["Cache-Control"] == "no-store"
    name_and_value, *flags = answer.headers["Set-Cookie"].split("; ")
    assert name_and_value == "cosearch-token-8080=biscuit"
    assert set(flags) == {"Path=/", "HttpOnly", "SameSite=Strict"}
    assert "right" not in str(answer.headers)
    after = ask(guard(TOKEN), answer.headers["Location"], headers={"Cookie": name_and_value})
    assert (after.status_code, after.text) == (200, "/cosearch/study")


def test_cookie_of_an_encrypted_connection_stays_on_encrypted_ones():
    answer = ask(guard(TOKEN), "/?token=right", base_url="https://127.0.0.1:8080/")
    assert "Secure" in answer.headers["Set-Cookie"].split("; ")


@pytest.mark.parametrize("path", ["//evil.example/", "/\\evil.example/", "///evil.example/"])
def test_exchange_never_leads_to_another_host(path):
    started = []
    environ = {
        "REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": "token=right", "HTTP_HOST": "127.0.0.1:8080",
        "wsgi.url_scheme": "http",
    }  # fmt: skip
    list(guard(TOKEN)(environ, lambda status, headers, exc_info=None: started.append((status, dict(headers)))))
    ((status, headers),) = started
    assert status.startswith("303")
    assert headers["Location"] == "/evil.example/"


def test_head_of_a_refusal_has_no_body():
    assert ask(guard(TOKEN), "/", method="HEAD").data == b""
