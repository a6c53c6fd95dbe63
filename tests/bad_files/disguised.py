"""Files that are not what their name says; some of them are traps."""

import random
import struct
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
from av.container import OutputContainer

from tests.bad_files.case import Case, Shelf
from tests.bad_files.sound import add_stream, song, song_flac, song_m4a, song_mp3, song_ogg, tone, write_sound

BAIT = "/etc/passwd"
"""What the traps point at."""


def fill(shelf: Shelf) -> list[Case]:
    """Put every case of the family."""
    _renamed(shelf)
    _no_sound(shelf)
    _traps(shelf)
    _protected(shelf)
    _films(shelf)
    return shelf.cases


def _renamed(shelf: Shelf) -> None:
    shelf.put("flac_inside.mp3", song_flac(), "a flac named .mp3")
    shelf.put("mp3_inside.flac", song_mp3(), "an mp3 named .flac")
    shelf.put("m4a_inside.mp3", song_m4a(), "an m4a named .mp3")
    shelf.put("ogg_inside.wav", song_ogg(), "an ogg named .wav")
    shelf.put("no_extension", song_mp3(), "an mp3 without an extension", listed=False)
    shelf.put("UPPER.MP3", song_mp3(), "an extension in capitals")


def _no_sound(shelf: Shelf) -> None:
    page = b"<!DOCTYPE html><html><head><title>404 Not Found</title></head><body>Not Found</body></html>"
    picture = b"\xff\xd8\xff\xe0\0\x10JFIF\0" + random.Random(3).randbytes(60_000) + b"\xff\xd9"
    sync = bytearray(random.Random(14).randbytes(3_000_000))
    shelf.put("text.mp3", b"This is not music.\n" * 50, "text named .mp3", "not_audio")
    shelf.put("error_page.mp3", page, "an HTML error page saved as .mp3", "not_audio")
    shelf.put("picture.mp3", picture, "a picture named .mp3", "not_audio")
    shelf.put("random.mp3", random.Random(4).randbytes(300_000), "random bytes named .mp3", "not_audio")
    shelf.put("random_3mb.mp3", bytes(sync), "more random bytes, with a few accidental mp3 frames", "not_audio")
    shelf.put("zeros.mp3", bytes(100_000), "zeros named .mp3", "not_audio")


def _traps(shelf: Shelf) -> None:
    url = b"http://127.0.0.1:9/never-fetch-me"
    hls = b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nfile://" + BAIT.encode() + b"\n#EXT-X-ENDLIST\n"
    shelf.put("playlist.m3u.mp3", b"#EXTM3U\n" + url + b"\n", "a playlist of an address, named .mp3", "not_audio")
    shelf.put("hls.mp3", hls, "an HLS playlist of a file outside, named .mp3", "not_audio")
    shelf.put("concat.mp3", f"ffconcat version 1.0\nfile '{BAIT}'\n".encode(), "an ffconcat script", "not_audio")


def _protected(shelf: Shelf) -> None:
    content = bytearray(song_m4a(index_first=True))
    at = content.find(b"mp4a", content.find(b"stsd"))
    content[at : at + 4] = b"drms"
    content[8:12] = b"M4P "
    sound = content.find(b"mdat") + 4
    content[sound:] = random.Random(6).randbytes(len(content) - sound)
    plain = bytes(content).replace(b"drms", b"mp4a")
    header = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c") + struct.pack("<QIBB", 200, 1, 1, 2)
    encryption = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e") + struct.pack("<Q", 170)
    shelf.put("drm.m4p", bytes(content), "an m4p protected by DRM", "audio_unreadable", listed=False)
    shelf.put("drm_unmarked.m4a", plain, "an m4a of encrypted sound that does not say so", "audio_unreadable")
    garbage = random.Random(7).randbytes(90_000)
    shelf.put("drm.wma", header + encryption + garbage, "a wma with an encryption header", "audio_unreadable")


def _films(shelf: Shelf) -> None:
    shelf.put("video_only.m4a", _film("mp4", []), "an mp4 with a picture and no sound", "not_audio")
    shelf.put("movie_with_sound.mp4", _film("mp4", ["aac"]), "a film with sound")
    shelf.put("two_audio_streams.mka", _film("matroska", ["flac", "flac"]), "a film with two sounds: the first is used")


def _film(container: str, codecs: list[str]) -> bytes:
    with TemporaryDirectory() as folder:
        target = Path(folder) / "film"
        with av.open(str(target), "w", format=container) as output:
            picture = output.add_stream("mpeg4", rate=5, width=64, height=64, pix_fmt="yuv420p")
            streams = [add_stream(output, codec, 2) for codec in codecs]
            _write_picture(output, picture)
            for stream, sound in zip(streams, (song(), tone(1000, 8, channels=2)), strict=False):
                write_sound(output, stream, sound)
        return target.read_bytes()


def _write_picture(output: OutputContainer, stream: av.VideoStream) -> None:
    for number in range(10):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number * 20, np.uint8), format="rgb24")
        frame.pts, frame.time_base = number, Fraction(1, 5)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))
