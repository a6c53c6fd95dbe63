"""Asks a Subsonic server, Navidrome above all, whether it scans its library now and what its newest scan found."""

import hashlib
import http.client
import ipaddress
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from embeddings.conf import NavidromeConfig
from embeddings.errors import BackendUnavailable

SECONDS = 10.0
MOST_BYTES = 65_536
MARK = 255
COMMON = {"v": "1.16.1", "c": "navidrome-embedder", "f": "json"}
WITHOUT_TOKENS = (10, 41)
"""Errors of servers that take no salted password, or not from this user: missing parameter, not supported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What a server says of its scans."""

    scanning: bool
    mark: str
    """Another one after each scan: when it was, and how many tracks there are, as far as the server says."""


class SubsonicError(BackendUnavailable):
    """The server answers, and not what was asked for."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


def scan_status(config: NavidromeConfig, *, seconds: float = SECONDS) -> Scan:
    """Ask for the newest scan, at first with a salted password, as servers should take it.

    Args:
        config: whom, and as whom.
        seconds: what a connection, an answer, and all of one question may take.

    Raises:
        BackendUnavailable: no answer, a refusal, or nothing that a Subsonic server would say; no password is in it.

    """
    try:
        found = _ask(config, _salted(config.password), seconds)
    except SubsonicError as error:
        if error.code not in WITHOUT_TOKENS:
            raise
        _refuse_listeners(config.url)
        found = _ask(config, {"p": "enc:" + config.password.encode().hex()}, seconds)
    status = found.get("scanStatus")
    if not isinstance(status, dict):
        raise BackendUnavailable(f"{config.url} does not say when it scanned.")
    mark = f"{status.get('lastScan', '')} {status.get('count', '')}"
    return Scan(scanning=bool(status.get("scanning")), mark=mark[:MARK])


def _salted(password: str) -> dict[str, str]:
    salt = secrets.token_hex(8)
    return {"s": salt, "t": hashlib.md5((password + salt).encode(), usedforsecurity=False).hexdigest()}


def _refuse_listeners(url: str) -> None:
    """Refuse to say a password where others could read it, also to who only claims to need it.

    Raises:
        BackendUnavailable: the address is neither encrypted nor of this machine.

    """
    address = urlsplit(url)
    if address.scheme != "https" and not _is_here(address.hostname or ""):
        raise BackendUnavailable(
            f"{url} takes no salted password, and the password itself is not sent over plain HTTP to another machine: "
            "name its HTTPS address."
        )


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _ask(config: NavidromeConfig, proof: Mapping[str, str], seconds: float) -> dict[str, Any]:
    """One question; the fields of the answer."""
    # In the body: addresses, and what is in them, are written into logs.
    form = urlencode({"u": config.user, **COMMON, **proof}).encode()
    if urlsplit(config.url).scheme not in {"http", "https"}:
        raise BackendUnavailable(f"{config.url} is no address of a server, such as http://127.0.0.1:4533.")
    try:
        said = json.loads(_read(f"{config.url}/rest/getScanStatus.view", form, seconds))
        found: dict[str, Any] = said["subsonic-response"]
        failure = None if found["status"] == "ok" else (int(found["error"]["code"]), str(found["error"]["message"]))
    except urllib.error.HTTPError as error:
        raise BackendUnavailable(f"{config.url} answers with HTTP status {error.code}{_elsewhere(error)}.") from None
    except (OSError, http.client.HTTPException) as error:
        raise BackendUnavailable(f"{config.url} does not answer: {getattr(error, 'reason', error)}.") from None
    except (ValueError, LookupError, TypeError):
        raise BackendUnavailable(f"{config.url} does not answer as a Subsonic server does.") from None
    if failure:
        code, reason = failure
        raise SubsonicError(code, f"{config.url} refuses: {reason[:200].rstrip('.')} (error {code}).")
    return found


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows nobody: what is sent is a proof of a password."""

    def redirect_request(self, *_args: Any, **_named: Any) -> None:
        return None


def _read(url: str, form: bytes, seconds: float) -> bytes:
    """The body, from a server that may be slow or endless."""
    deadline, body = time.monotonic() + seconds, b""
    opener = urllib.request.build_opener(_StayHere)
    with opener.open(url, data=form, timeout=seconds) as answer:
        while piece := answer.read1(MOST_BYTES):
            body += piece
            if len(body) > MOST_BYTES or time.monotonic() > deadline:
                raise ValueError("too much, or too slowly")
    return body


def _elsewhere(error: urllib.error.HTTPError) -> str:
    place = urlsplit(error.headers.get("Location") or "")
    return f" and points to {place.scheme}://{place.netloc}; name that instead" if place.netloc else ""
