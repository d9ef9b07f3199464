import platform

import pytest

from dashboards.server.hosts import AllowedHosts, host_name, is_loopback, is_wildcard, shown_host


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("localhost:8080", "localhost"),
        ("LOCALHOST", "localhost"),
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]:8080", "::1"),
        ("example.org.", "example.org"),
        ("https://example.org", "example.org"),
        ("me@example.org", None),
        ("example.org/path", None),
        ("example.org:port", None),
        ("[::1", None),
        ("", None),
        ("null", "null"),
    ],
)
def test_name_in_a_host_header(header, name):
    assert host_name(header) == name


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "localhost", "::1", "[::1]"])
def test_loopback_is_this_machine_alone(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "node7", "localhost.example.org", "128.0.0.1"])
def test_everything_else_is_reached_by_others(host):
    assert not is_loopback(host)


def test_wildcards():
    assert [host for host in ("0.0.0.0", "::", "[::]", "*", "127.0.0.1", "node7") if is_wildcard(host)] == [
        "0.0.0.0",
        "::",
        "[::]",
        "*",
    ]


@pytest.mark.parametrize("header", ["localhost:8080", "127.0.0.1:8080", "[::1]:8080", "Localhost", "127.0.0.1:9"])
def test_local_server_goes_by_local_names_on_any_port(header):
    assert AllowedHosts.of("127.0.0.1").allows(header)


@pytest.mark.parametrize(
    "header", [None, "", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.1"]
)
def test_foreign_names_are_refused(header):
    assert not AllowedHosts.of("127.0.0.1").allows(header)


def test_further_names_are_allowed_with_or_without_port():
    hosts = AllowedHosts.of("127.0.0.1", ["Search.Example.org", "other:8443"])
    assert hosts.allows("search.example.org")
    assert hosts.allows("other")
    assert not hosts.allows("example.org")


def test_wildcard_goes_by_the_machines_name_and_by_any_address_but_not_by_other_names():
    hosts = AllowedHosts.of("0.0.0.0")
    assert hosts.allows(platform.node())
    assert hosts.allows("192.168.1.5:8080")
    assert not hosts.allows("evil.example")


def test_host_as_a_browser_takes_it():
    assert shown_host("127.0.0.1") == "127.0.0.1"
    assert shown_host("::1") == shown_host("[::1]") == "[::1]"
    assert shown_host("0.0.0.0") == platform.node()
