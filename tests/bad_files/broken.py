"""Files that were sound once: cut, overwritten, joined, or with a header that lies."""

import random
import struct

from tests.bad_files import ogg
from tests.bad_files.case import Case, Shelf
from tests.bad_files.sound import RATE, encode, song, song_flac, song_m4a, song_mp3, song_ogg, tone, wav
from tests.bad_files.tag_bytes import id3_frame, id3v2


def fill(shelf: Shelf) -> list[Case]:
    """Put every case of the family."""
    _cut(shelf)
    _overwritten(shelf)
    _joined(shelf)
    _lying(shelf)
    return shelf.cases


def _cut(shelf: Shelf) -> None:
    mp3, flac, m4a = song_mp3(), song_flac(), song_m4a(index_first=True)
    shelf.put("zero_bytes.mp3", b"", "an empty file", "audio_empty")
    shelf.put("truncated.mp3", mp3[: len(mp3) * 2 // 5 + 137], "an mp3 cut at 40 %, mid frame", warns=True)
    shelf.put("truncated.flac", flac[: len(flac) * 2 // 5], "a flac cut at 40 %", warns=True)
    shelf.put("truncated_header.flac", flac[:30], "a flac cut inside its header", "audio_unreadable")
    shelf.put(
        "truncated_no_moov.m4a", song_m4a()[:-3000], "an m4a whose index, at the end, is lost", "audio_unreadable"
    )
    shelf.put("truncated_faststart.m4a", m4a[: len(m4a) // 2], "an m4a with its index and half its sound", warns=True)
    shelf.put("truncated.ogg", song_ogg()[: len(song_ogg()) // 2], "a Vorbis ogg cut in half", warns=True)
    shelf.put("truncated.wav", wav(song())[: RATE * 4 * 3], "a wav cut after three of eight seconds", warns=True)


def _overwritten(shelf: Shelf) -> None:
    flac = song_flac()
    middle = len(flac) // 2
    damaged = flac[:middle] + bytes(255 - byte for byte in flac[middle : middle + 64]) + flac[middle + 64 :]
    shelf.put("bit_rot.mp3", _overwrite(song_mp3(), 400), "an mp3 with 400 random bytes overwritten", warns=True)
    shelf.put("bit_rot.flac", damaged, "a flac with 64 bytes overwritten in the middle", warns=True)
    shelf.put(
        "wrong_md5.flac", flac[:26] + b"\x11" * 16 + flac[42:], "a flac whose checksum is wrong and sound is fine"
    )
    shelf.put(
        "headers_twice.ogg", ogg.with_headers_twice(song_ogg()), "an ogg that FFmpeg refuses and libsndfile reads"
    )


def _joined(shelf: Shelf) -> None:
    mp3 = song_mp3()
    junk = random.Random(1).randbytes(1 << 20).replace(b"\xff", b"\xfe")
    other = encode(
        song(8, 22_050, 1), "libmp3lame", "mp3", rate=22_050, bit_rate=32_000, options={"id3v2_version": "0"}
    )
    shelf.put(
        "id3_in_front.flac", id3v2(id3_frame(b"TIT2", b"\x03ID3 on FLAC")) + song_flac(), "a flac behind an ID3 tag"
    )
    shelf.put("junk_1mb_before_sync.mp3", junk + mp3, "1 MiB of junk before the first frame of an mp3", warns=True)
    shelf.put(
        "trailing_garbage.mp3", mp3 + random.Random(2).randbytes(200_000), "200 kB of junk after an mp3", warns=True
    )
    shelf.put("two_rates_joined.mp3", mp3 + other, "two mp3 joined: 44.1 kHz stereo, 22.05 kHz mono", warns=True)
    shelf.put("chained.ogg", song_ogg() * 2, "the same ogg twice, a chained stream", warns=True)


def _lying(shelf: Shelf) -> None:
    flac, mp3 = bytearray(song_flac()), song_mp3()
    flac[21] &= 0xF0
    flac[22:26] = bytes(4)
    at = max(mp3.find(b"Xing"), mp3.find(b"Info")) + 8
    frames = struct.unpack_from(">I", mp3, at)[0] * 100
    unmarked = encode(tone(300, 10), "libmp3lame", "mp3", options={"write_xing": "0", "id3v2_version": "0"})
    shelf.put("unknown_length.flac", bytes(flac), "a flac that does not know its length (streamed)")
    shelf.put(
        "lying_xing.mp3",
        mp3[:at] + struct.pack(">I", frames) + mp3[at + 4 :],
        "an mp3 that claims to be 100 times longer",
        warns=True,
    )
    shelf.put("no_xing.mp3", unmarked, "an mp3 without a header that says how long it is")


def _overwrite(content: bytes, count: int) -> bytes:
    rng, out = random.Random(5), bytearray(content)
    for _ in range(count):
        out[rng.randrange(2000, len(out))] = rng.randrange(256)
    return bytes(out)
