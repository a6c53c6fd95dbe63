"""No content makes the decoder open anything but the one file it was given."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from embeddings.audio.decoders import Decoder
from embeddings.errors import TrackError
from tests.bad_files.sound import song_m4a, song_mp3

TRAPS = {
    "hls": "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:8.0,\n{bait}\n#EXT-X-ENDLIST\n",
    "master": "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=128000\n{bait}\n",
    "concat": "ffconcat version 1.0\nfile '{bait}'\nduration 8\n",
    "m3u": "#EXTM3U\n#EXTINF:8,A - B\n{bait}\n",
    "pls": "[playlist]\nFile1={bait}\nNumberOfEntries=1\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nm=audio 9 RTP/AVP 0\na=control:{bait}\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet '
    'mimeType="audio/mp4"><Representation id="1" bandwidth="1"><BaseURL>{bait}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>",
}


@pytest.fixture(scope="module")
def decoder() -> Iterator[Decoder]:
    with Decoder(max_seconds=600, stall_seconds=10, memory_mb=1024) as decoder:
        yield decoder


@pytest.fixture
def bait(tmp_path: Path) -> Path:
    """A pipe: whoever opens it to read waits for ever, and the decoder would be stopped for its silence."""
    path = tmp_path / "bait.mp3"
    os.mkfifo(path)
    return path


def outcome(decoder: Decoder, path: Path) -> str:
    try:
        with decoder.decode(str(path.parent), path.name, rate=24_000, channels=1) as decoding:
            return f"{len(list(decoding))} blocks"
    except TrackError as error:
        return error.code


@pytest.mark.parametrize("form", ["{path}", "file:{path}", "file://{path}", "{name}"])
@pytest.mark.parametrize("trap", TRAPS)
def test_a_playlist_opens_no_other_file(decoder: Decoder, bait: Path, trap: str, form: str) -> None:
    path = bait.with_name(f"{trap}.m3u8")
    path.write_text(TRAPS[trap].format(bait=form.format(path=bait, name=bait.name)))
    assert outcome(decoder, path) == "not_audio"


@pytest.mark.parametrize("trap", TRAPS)
def test_a_playlist_opens_no_address(decoder: Decoder, tmp_path: Path, trap: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        path = tmp_path / f"{trap}.m3u8"
        path.write_text(TRAPS[trap].format(bait=f"http://127.0.0.1:{server.getsockname()[1]}/a.mp3"))
        assert outcome(decoder, path) == "not_audio"
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.mark.parametrize(
    "name", ["concat:bait.mp3|bait.mp3", "pipe:0", "http:__127.0.0.1", "%03d.mp3", "-i.mp3", "fd:"]
)
def test_a_name_is_only_a_name(decoder: Decoder, bait: Path, name: str) -> None:
    path = bait.with_name(name)
    path.write_bytes(song_mp3())
    assert outcome(decoder, path).endswith("blocks")


def test_an_m4a_that_refers_to_another_file_does_not_open_it(decoder: Decoder, bait: Path) -> None:
    content = song_m4a(index_first=True)
    # The flag says that the sound is in this file; without it the entry names another.
    at = content.find(b"url \0\0\0\x01")
    path = bait.with_name("refers.m4a")
    path.write_bytes(content[:at] + b"url \0\0\0\0" + content[at + 8 :])
    assert outcome(decoder, path).endswith("blocks")


def test_a_pipe_is_never_opened(decoder: Decoder, bait: Path) -> None:
    assert outcome(decoder, bait) == "not_audio"
