"""Asking a Subsonic server for its scans: as Navidrome and others answer, and in trouble; no password leaks."""

import os
import threading
from collections.abc import Iterator

import pytest

from embeddings.conf import NavidromeConfig
from embeddings.errors import BackendUnavailable
from embeddings.library.subsonic import scan_status
from tests.embeddings.library.subsonic_server import PASSWORD, USER, SubsonicServer, serving
from tests.services import free_port


@pytest.fixture
def server() -> Iterator[SubsonicServer]:
    """One that has scanned."""
    with serving() as made:
        made.finish_scan(at="2026-11-20T10:00:00.5Z", count=178)
        yield made


def config(server: SubsonicServer, **other: str) -> NavidromeConfig:
    return NavidromeConfig(**{"url": server.url, "user": USER, "password": PASSWORD} | other)


def trouble(asked: NavidromeConfig, **options: float) -> str:
    """What is said when it fails."""
    with pytest.raises(BackendUnavailable) as caught:
        scan_status(asked, **options)
    return str(caught.value)


def test_the_newest_scan_is_told(server: SubsonicServer) -> None:
    scan = scan_status(config(server))
    assert (scan.scanning, scan.mark) == (False, "2026-11-20T10:00:00.5Z 178")


def test_a_scan_that_goes_on_is_told(server: SubsonicServer) -> None:
    server.status["scanning"] = True
    assert scan_status(config(server)).scanning


def test_the_password_is_salted_anew_each_time_and_never_in_the_address(server: SubsonicServer) -> None:
    scan_status(config(server))
    scan_status(config(server))
    (path, first), (_, second) = server.asked
    assert path == "/rest/getScanStatus.view"
    assert first["s"] != second["s"]
    assert PASSWORD not in str(server.asked)


@pytest.mark.parametrize("code", [10, 41])
def test_servers_that_take_no_salted_password_get_it_encoded(server: SubsonicServer, code: int) -> None:
    server.takes_tokens, server.without_tokens = False, code
    assert scan_status(config(server)).mark.endswith("178")
    assert [sorted(form.keys() & {"t", "p"}) for _, form in server.asked] == [["t"], ["p"]]


def test_a_password_is_not_sent_to_who_calls_it_wrong(server: SubsonicServer) -> None:
    assert "error 40" in trouble(config(server, password="sesame"))
    assert [sorted(form.keys() & {"t", "p"}) for _, form in server.asked] == [["t"]]


@pytest.mark.parametrize("code", [10, 41])
def test_a_password_is_not_sent_over_plain_http_to_another_machine(server: SubsonicServer, code: int) -> None:
    server.takes_tokens, server.without_tokens = False, code
    # Reaches this machine, and is not its own name for itself.
    said = trouble(config(server, url=server.url.replace("127.0.0.1", "0.0.0.0")))
    assert "name its HTTPS address" in said
    assert [sorted(form.keys() & {"t", "p"}) for _, form in server.asked] == [["t"]]


def test_a_server_below_a_path_is_found(server: SubsonicServer) -> None:
    scan_status(config(server, url=f"{server.url}/music"))
    assert server.asked[0][0] == "/music/rest/getScanStatus.view"


def test_a_wrong_password_is_refused_in_the_server_s_words(server: SubsonicServer) -> None:
    said = trouble(config(server, password="sesame"))
    assert said == f"{server.url} refuses: Wrong username or password (error 40)."


def test_nobody_is_followed_elsewhere(server: SubsonicServer) -> None:
    with serving() as other:
        server.code, server.moved_to = 302, f"{other.url}/login?u=alice"
        said = trouble(config(server))
        assert said == f"{server.url} answers with HTTP status 302 and points to {other.url}; name that instead."
        assert other.asked == []


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"subsonic-response": {}}', b'{"subsonic-response": 1}', b"\xff"])
def test_what_is_no_subsonic_server_is_told_apart(server: SubsonicServer, body: bytes) -> None:
    server.body = body
    assert trouble(config(server)) == f"{server.url} does not answer as a Subsonic server does."


def test_an_answer_without_an_end_is_not_read(server: SubsonicServer) -> None:
    server.body = b" " * 1_000_000
    assert "does not answer as" in trouble(config(server))


def test_a_silent_server_is_not_waited_for(server: SubsonicServer) -> None:
    server.silent = threading.Event()
    assert "timed out" in trouble(config(server), seconds=0.2)


def test_a_server_that_is_away_is_said() -> None:
    away = NavidromeConfig(url=f"http://127.0.0.1:{free_port()}", user=USER, password=PASSWORD)
    assert "Connection refused" in trouble(away)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "music.lan", "http://", "http://music lan"])
def test_what_is_no_address_is_said(url: str) -> None:
    assert url in trouble(NavidromeConfig(url=url, user=USER, password=PASSWORD))


def test_a_password_is_not_shown() -> None:
    assert PASSWORD not in repr(NavidromeConfig(url="", user=USER, password=PASSWORD))


@pytest.mark.skipif("SUBSONIC_TEST_URL" not in os.environ, reason="SUBSONIC_TEST_URL, _USER, _PASSWORD name no server")
def test_a_real_server_answers() -> None:
    names = {name: os.environ[f"SUBSONIC_TEST_{name.upper()}"] for name in ("url", "user", "password")}
    assert scan_status(NavidromeConfig(**names)).mark
    assert "refuses" in trouble(NavidromeConfig(**names | {"password": "wrong"}))
