from http import HTTPStatus

import pytest

from dashboards.server.access import CALLBACK_PATH, Access, Token, check_proxy_header
from dashboards.server.hosts import AllowedHosts
from spaces.errors import SpecError
from tests.dashboards.server.requests import environ_of

HOSTS = AllowedHosts.of("127.0.0.1")
LOCAL = Access(hosts=HOSTS)
EDITING = Access(hosts=HOSTS, may_edit=True)
TOKEN = Token(value="right", cookie_value="biscuit")
STRICT = Access(hosts=HOSTS, token=TOKEN)
PROXIED = Access(hosts=HOSTS, proxy_header="X-Forwarded-User")

# What the Optuna dashboard would do for anybody.
CHANGES = [
    ("DELETE", "/api/studies/1"),
    ("POST", "/api/studies"),
    ("POST", "/api/studies/1/rename"),
    ("POST", "/api/trials/1/tell"),
    ("POST", "/api/trials/1/user-attrs"),
    ("PUT", "/api/studies/1/note"),
    ("PUT", "/api/studies/1/1/note"),
    ("POST", "/api/studies/1/1/skip"),
    ("POST", "/api/artifacts/1"),
    ("POST", "/api/artifacts/1/1"),
    ("DELETE", "/api/artifacts/1/1/abc"),
    ("POST", "/incompatible-rdb-schema"),
    ("PATCH", "/anything"),
    ("OPTIONS", "/api/studies"),
    ("DELETE", "/cosearch/../api/studies/1"),
]


def status_of(access: Access, *arguments, **request):
    refusal = access.refusal(environ_of(*arguments, **request))
    return None if refusal is None else refusal.status


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/", "/dashboard", "/api/studies", "/cosearch/", "/cosearch/api/studies"])
def test_reading_is_for_everybody_of_this_machine(method, path):
    assert status_of(LOCAL, path, method=method) is None


@pytest.mark.parametrize(("method", "path"), CHANGES)
def test_changing_is_refused(method, path):
    assert status_of(LOCAL, path, method=method) is HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize(("method", "path"), CHANGES[:-1])
def test_changing_is_allowed_where_it_was_asked_for(method, path):
    assert status_of(EDITING, path, method=method) is None


@pytest.mark.parametrize("access", [LOCAL, EDITING])
def test_only_the_callback_of_our_pages_may_be_posted_to(access):
    assert status_of(access, CALLBACK_PATH, method="POST") is None
    for path in ("/cosearch/", "/cosearch", "/cosearch/api/studies", f"{CALLBACK_PATH}/more", "/cosearch/_other"):
        assert status_of(access, path, method="POST") is HTTPStatus.METHOD_NOT_ALLOWED
    assert status_of(access, CALLBACK_PATH, method="DELETE") is HTTPStatus.METHOD_NOT_ALLOWED


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://evil.example", "Sec-Fetch-Site": "same-origin"},
    ],
)
@pytest.mark.parametrize(("access", "path"), [(EDITING, "/api/studies"), (LOCAL, CALLBACK_PATH)])
def test_what_another_site_makes_a_browser_send_is_refused(access, path, headers):
    assert status_of(access, path, method="POST", headers=headers) is HTTPStatus.FORBIDDEN


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://127.0.0.1:8080", "Sec-Fetch-Site": "same-origin"}])
def test_own_pages_and_programs_may_post(headers):
    assert status_of(EDITING, "/api/studies", method="POST", headers=headers) is None


def test_link_from_another_site_may_be_followed():
    assert status_of(LOCAL, "/cosearch/", headers={"Sec-Fetch-Site": "cross-site"}) is None


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", ""])
@pytest.mark.parametrize("access", [LOCAL, EDITING, STRICT, PROXIED])
def test_foreign_host_is_refused_first(access, host):
    headers = {"X-Forwarded-User": "me", "Authorization": "Bearer right"}
    assert status_of(access, "/", host=host, headers=headers) is HTTPStatus.FORBIDDEN


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/", {}),
        ("/cosearch/api/studies", {}),
        ("/?token=", {}),
        ("/?token=wrong", {}),
        ("/?token=RIGHT", {}),
        ("/?token=biscuit", {}),
        ("/?Token=right", {}),
        ("/", {"Authorization": "Bearer wrong"}),
        ("/", {"Authorization": "Basic right"}),
        ("/", {"Cookie": "cosearch-token=right"}),
        ("/", {"Cookie": "cosearch-token="}),
        ("/", {"Cookie": "other=biscuit"}),
        ("/", {"Cookie": "cosearch-token=\u00fc"}),
        ("/", {"X-Forwarded-User": "me"}),
    ],
)
def test_stranger_without_the_right_token_is_refused(path, headers):
    assert status_of(STRICT, path, headers=headers) is HTTPStatus.UNAUTHORIZED


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/?token=right", {}),
        ("/dashboard?a=1&token=right", {}),
        ("/", {"Authorization": "Bearer right"}),
        ("/", {"Cookie": "a=b; cosearch-token=biscuit"}),
    ],
)
def test_stranger_with_the_token_or_its_cookie_may_read(path, headers):
    assert status_of(STRICT, path, headers=headers) is None


def test_token_alone_does_not_let_change():
    headers = {"Authorization": "Bearer right"}
    assert status_of(STRICT, "/api/studies/1", method="DELETE", headers=headers) is HTTPStatus.METHOD_NOT_ALLOWED


def test_tokens_differ_and_hide_in_messages():
    first, second = Token.generate(), Token.generate()
    assert len({first.value, first.cookie_value, second.value, second.cookie_value}) == 4
    assert len(first.value) >= 43  # 256 bits
    assert first.value not in repr(first)
    assert first.cookie_value not in repr(first)


def test_behind_a_proxy_its_header_is_needed_and_enough():
    assert status_of(PROXIED, "/") is HTTPStatus.FORBIDDEN
    assert status_of(PROXIED, "/", headers={"X-Forwarded-User": " "}) is HTTPStatus.FORBIDDEN
    assert status_of(PROXIED, "/", headers={"X-Forwarded-User": "me"}) is None


@pytest.mark.parametrize("name", ["", "X User", "X_User", "X-Forwarded-For", "forwarded", "Host", "Cookie", "a\nb"])
def test_header_that_says_nothing_of_who_asks_is_refused(name):
    with pytest.raises(SpecError, match="X-Forwarded-User"):
        check_proxy_header(name)
