"""Tags of every format, clean and hostile."""

# mypy: disallow-untyped-calls=False
# Mutagen is untyped.

import os
import shutil
from pathlib import Path
from typing import Any

import mutagen
import pytest
from mutagen.flac import FLAC, Picture
from mutagen.id3 import APIC, ID3, TCON, TDRC, TIT2, TPE1, TRCK, UFID
from mutagen.mp4 import MP4

from embeddings.library.tags import Tags, read_tags

SAMPLE = Path(__file__).resolve().parents[3] / "sample" / "Flare" / "Fantasycore"
MBID = "9c9f1380-2516-4fc9-a3e6-f9f61941d090"


@pytest.fixture
def flac(tmp_path: Path) -> Path:
    return Path(shutil.copy(SAMPLE / "11 - Unrest theme.flac", tmp_path))


@pytest.fixture
def mp3(tmp_path: Path) -> Path:
    return Path(shutil.copy(SAMPLE / "05 - Forest theme.mp3", tmp_path))


@pytest.mark.parametrize("file", sorted(path.name for path in SAMPLE.iterdir()))
def test_every_format_of_the_sample_has_a_title(file: str) -> None:
    assert file.startswith(f"{read(SAMPLE / file).track_number:02} - {read(SAMPLE / file).title}")


def test_all_fields_of_id3(mp3: Path) -> None:
    tags = ID3(mp3)
    for frame in (
        TRCK(text="7/12"),
        TDRC(text="1987-05-04"),
        TCON(text=["(17)", "Surf; Beat"]),
        TPE1(text=["A", "B", "A"]),
    ):
        tags.add(frame)
    tags.add(UFID(owner="http://musicbrainz.org", data=MBID.encode()))
    tags.save(mp3)
    said = read(mp3)
    assert (said.track_number, said.year, said.genres) == (7, 1987, ("Rock", "Surf", "Beat"))
    assert (said.artist, said.recording_mbid) == ("A; B", MBID)


def test_all_fields_of_mp4(tmp_path: Path) -> None:
    file = Path(shutil.copy(SAMPLE / "03 - Cave theme.m4a", tmp_path))
    tags = MP4(file)
    tags["trkn"], tags["disk"], tags["\xa9day"] = [(7, 12)], [(2, 2)], ["1987"]
    tags["----:com.apple.iTunes:MusicBrainz Track Id"] = [MBID.encode()]
    tags.save()
    said = read(file)
    assert (said.track_number, said.disc_number, said.year, said.recording_mbid) == (7, 2, 1987, MBID)


def test_control_characters_are_removed(flac: Path) -> None:
    assert retagged(flac, title="a\x1b[31m\x07b\r\n\tc").title == "a[31mb c"


@pytest.mark.parametrize("title", ["🎵👩‍👩‍👧 مرحبا é", "<script>alert('x')</script>", "=1+1", "../../etc/passwd"])
def test_texts_of_every_kind_are_kept(flac: Path, title: str) -> None:
    assert retagged(flac, title=title).title == title


def test_a_title_of_a_megabyte_is_cut(flac: Path) -> None:
    assert len(retagged(flac, title="long " * 200_000).title) <= 512


def test_two_thousand_artists_are_a_few(flac: Path) -> None:
    said = retagged(flac, artist=[f"Artist {number}" for number in range(2000)])
    assert said.artist.startswith("Artist 0; Artist 1; ")
    assert len(said.artist) <= 512


@pytest.mark.parametrize("number", ["0", "-3", "99999999999999999999", "1e9", "\u0663", "seven", ""])
def test_absurd_numbers_are_ignored(flac: Path, number: str) -> None:
    said = retagged(flac, tracknumber=number, discnumber=number, date=number)
    assert (said.track_number, said.disc_number) == (None, None)


def test_a_comment_that_is_no_utf8_is_read(flac: Path) -> None:
    flac.write_bytes(flac.read_bytes().replace(b"title=Unrest theme", b"title=Unrest\xe9theme"))
    assert read(flac).title == "Unrest\ufffdtheme"


def test_covers_of_many_megabytes_are_let_go(flac: Path, mp3: Path) -> None:
    picture = Picture()
    picture.data = os.urandom(15 << 20)
    large = FLAC(flac)
    large.add_picture(picture)
    large.save()
    tags = ID3(mp3)
    tags.add(APIC(data=os.urandom(20 << 20)))
    tags.save(mp3)
    assert read(flac).title == "Unrest theme"
    assert read(mp3).title == "Forest theme"


def test_bytes_that_claim_another_alphabet_are_read(mp3: Path) -> None:
    tags = ID3(mp3)
    tags.add(TIT2(encoding=0, text="\x96\xe9\x96\xbe\x82\xaf"))
    tags.save(mp3)
    assert read(mp3).title == "é¾\x82¯".replace("\x82", "")


@pytest.mark.parametrize("seed", range(40))
def test_no_damage_is_an_error(tmp_path: Path, seed: int) -> None:
    sources = sorted(SAMPLE.iterdir())
    content = bytearray(sources[seed % len(sources)].read_bytes())
    for step in range(1, 60):
        content[(seed * 7919 + step * step * 31) % 4096] = (seed * 131 + step * 17) % 256
    file = tmp_path / "damaged"
    file.write_bytes(content[: 200 + seed * 997] if seed % 2 else content)
    assert isinstance(read(file), Tags)


def test_a_file_that_is_gone_has_no_tags(tmp_path: Path) -> None:
    assert read(tmp_path / "gone.flac") == Tags()


def retagged(file: Path, **said: Any) -> Tags:
    tags = mutagen.File(file)
    tags.update(said)
    tags.save()
    return read(file)


def read(file: Path) -> Tags:
    return read_tags(os.fsencode(file))
