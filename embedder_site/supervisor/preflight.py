"""What is refused with one sentence before anything starts: a wrong path, unknown models, missing weights."""

import os
import socket
from pathlib import Path

from django.conf import settings

from embedder_site.env import given
from embeddings import conf
from embeddings.checks import device_errors
from embeddings.embedders import SPECS, get_spec
from embeddings.embedders.checkpoints import state_of
from embeddings.errors import CheckpointRefused, Refused
from embeddings.library.walk import Walk


def check_library() -> str:
    """The music source in words, for the terminal.

    Raises:
        Refused: a path does not exist or is not what its name says, or the folder holds no music.

    """
    if settings.MUSIC and settings.NAVIDROME_DB:
        raise Refused("Give either MUSIC (a folder) or NAVIDROME_DB (Navidrome's database), not both.")
    library = conf.library()
    named, configured = given("MUSIC") or given("NAVIDROME_DB"), settings.MUSIC or settings.NAVIDROME_DB
    again = " (as last time)" if configured and not named else ""
    if library.navidrome_db is None:
        _check_folder(library.music, again)
        return f"the folder {library.music}{again}" if settings.MUSIC else f"the sample library, {library.music}"
    if not library.navidrome_db.is_file():
        hint = "; name the file navidrome.db inside it" if library.navidrome_db.is_dir() else ""
        raise Refused(f"NAVIDROME_DB is no file: {library.navidrome_db}{again}{hint}")
    for theirs, ours in library.path_map:
        if not Path(ours).is_dir():
            raise Refused(f"NAVIDROME_PATH_MAP says that {theirs} is {ours} here, and {ours} is no folder.")
    return f"Navidrome's database {library.navidrome_db}{again}"


def _check_folder(music: Path, again: str) -> None:
    if not music.is_dir():
        raise Refused(f"MUSIC is no folder: {music}{again}")
    try:
        first = next(Walk(root=os.fsencode(music)).files(), None)
    except OSError as error:
        raise Refused(f"MUSIC cannot be read: {music}{again}: {error.strerror}") from error
    if first is None:
        raise Refused(
            f"No music was found in {music}{again} (mp3, flac, ogg, opus, m4a, wav, ...); is its disk mounted?"
        )


def check_models() -> None:
    """Every model of MODELS exists, and can be computed as DEVICE and PRECISION say.

    Raises:
        Refused: one does not or cannot, or none is named.

    """
    if not settings.MODELS:
        raise Refused(f"MODELS names no model; choose from {', '.join(SPECS)}.")
    for key in settings.MODELS:
        get_spec(key)
    for error in device_errors(conf.models()):
        raise Refused(error.msg)


def check_checkpoints() -> None:
    """The checkpoint of every model of MODELS is on this machine, or may be downloaded.

    Raises:
        CheckpointRefused: one is neither; the message says what is missing, and what to do.

    """
    folders = conf.models().checkpoints
    for spec in map(get_spec, settings.MODELS):
        if spec.checkpoint and (problem := state_of(spec, folders.get(spec.key)).problem):
            raise CheckpointRefused(problem)


def check_port(host: str, port: int) -> None:
    """The web server will be able to listen.

    Raises:
        Refused: it will not; the message says what to do.

    """
    if not 0 < port < 65536:
        raise Refused(f"PORT={port} is no port; choose one between 1024 and 65535: make run PORT=9002")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except socket.gaierror:
        raise Refused(f"HOST={host} is no address of this machine.") from None
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except PermissionError:
            raise Refused(f"Port {port} may only be used by root; choose one above 1023: make run PORT=9002") from None
        except OSError as error:
            raise Refused(
                f"Nothing can listen on {host}:{port} ({error.strerror}). If another program uses the port, stop that "
                f"or choose another: make run PORT={port + 1}"
            ) from None


def warn_about_host(host: str) -> str:
    """A sentence for somebody who opens the server to the network, whose visitors would be answered `400`."""
    if given("ALLOWED_HOSTS") or host in {"localhost", "127.0.0.1", "::1"}:
        return ""
    return "Only this machine will be answered; say what others call it: ALLOWED_HOSTS=music.lan,192.168.1.5"
