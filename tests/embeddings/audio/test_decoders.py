"""A child that crashes, hangs or eats memory costs one track; the next one gets a fresh child."""

import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from embeddings.audio.decode import DecodeLimits, stream
from embeddings.audio.decoders import Decoder
from embeddings.errors import AudioMissing, DecoderCrashed, DecodeTimeout, NotAudio
from tests.bad_files.sound import encode, song, song_m4a, tone

PROJECT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def music(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("music")
    (folder / "song.flac").write_bytes(encode(song(), "flac", "flac"))
    (folder / "long.flac").write_bytes(encode(tone(440, 240, 8000), "flac", "flac", rate=8000))
    (folder / "text.mp3").write_text("no music")
    return folder


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    with Decoder(max_seconds=600, stall_seconds=20, memory_mb=1024) as decoder:
        yield decoder


def plays(decoder: Decoder, folder: Path, name: str = "song.flac") -> float:
    with decoder.decode(str(folder), name, rate=24_000, channels=1) as decoding:
        return sum(len(block) for block in decoding) / 24_000


@pytest.mark.parametrize("channels", [1, 2])
def test_the_child_gives_the_same_samples_as_decoding_here(
    decoder: Decoder, music: Path, channels: Literal[1, 2]
) -> None:
    here = stream(str(music / "song.flac"), rate=24_000, channels=channels, limits=DecodeLimits(max_seconds=600))
    wanted = np.concatenate(list(here))
    with decoder.decode(str(music), "song.flac", rate=24_000, channels=channels) as decoding:
        got = np.concatenate(list(decoding))
    assert got.dtype == np.float32
    assert np.array_equal(got, wanted)
    assert decoding.summary == here.summary


def test_one_child_serves_many_files_and_survives_their_errors(decoder: Decoder, music: Path) -> None:
    plays(decoder, music)
    child = decoder.pid
    with pytest.raises(NotAudio, match="no audio of any known format"):
        plays(decoder, music, "text.mp3")
    with pytest.raises(AudioMissing):
        plays(decoder, music, "gone.mp3")
    assert plays(decoder, music) == pytest.approx(8)
    assert decoder.pid == child


def interrupt(decoder: Decoder, folder: Path, number: signal.Signals) -> None:
    """Send the child a signal while it decodes more than the pipe can hold."""
    with decoder.decode(str(folder), "long.flac", rate=192_000, channels=2) as decoding:
        for _ in decoding:
            assert decoder.pid
            os.kill(decoder.pid, number)


def test_a_child_killed_midway_is_a_crash_and_the_next_file_is_fine(decoder: Decoder, music: Path) -> None:
    with pytest.raises(DecoderCrashed, match="SIGKILL"):
        interrupt(decoder, music, signal.SIGKILL)
    assert plays(decoder, music) == pytest.approx(8)


def test_a_segfault_is_named(decoder: Decoder, music: Path) -> None:
    with pytest.raises(DecoderCrashed, match="SIGSEGV"):
        interrupt(decoder, music, signal.SIGSEGV)


def test_a_child_that_falls_silent_is_stopped_and_the_next_file_is_fine(music: Path) -> None:
    with Decoder(max_seconds=600, stall_seconds=3, memory_mb=1024) as decoder:
        plays(decoder, music)
        with pytest.raises(DecodeTimeout, match="no sound for 3 s"):
            interrupt(decoder, music, signal.SIGSTOP)
        assert plays(decoder, music) == pytest.approx(8)


def test_a_child_killed_between_two_files_costs_nothing(decoder: Decoder, music: Path) -> None:
    plays(decoder, music)
    assert decoder.pid
    os.kill(decoder.pid, signal.SIGKILL)
    assert plays(decoder, music) == pytest.approx(8)


def test_a_file_left_midway_does_not_leak_into_the_next(decoder: Decoder, music: Path) -> None:
    with decoder.decode(str(music), "long.flac", rate=24_000, channels=1) as decoding:
        next(iter(decoding))
    assert plays(decoder, music) == pytest.approx(8)


def test_a_file_left_without_a_word_does_not_leak_either(decoder: Decoder, music: Path) -> None:
    blocks = iter(decoder.decode(str(music), "long.flac", rate=24_000, channels=1))
    next(blocks)
    assert plays(decoder, music) == pytest.approx(8)
    child = decoder.pid
    del blocks
    assert plays(decoder, music) == pytest.approx(8)
    assert decoder.pid == child


def test_a_file_that_needs_too_much_memory_is_refused(music: Path) -> None:
    content = bytearray(song_m4a(index_first=True))
    at = content.find(b"stsz") + 16 + 4 * 100
    content[at : at + 4] = struct.pack(">I", 250_000_000)
    path = music / "bomb.m4a"
    path.write_bytes(content)
    # A sparse file: it takes no room on disk, and its hundredth packet 250 MB of memory.
    os.truncate(path, 300_000_000)
    with Decoder(max_seconds=600, stall_seconds=20, memory_mb=256) as decoder:
        with pytest.raises(DecoderCrashed, match="memory"):
            plays(decoder, music, "bomb.m4a")
        assert plays(decoder, music) == pytest.approx(8)


def test_the_child_waits_while_nobody_takes_its_blocks(decoder: Decoder, music: Path) -> None:
    with decoder.decode(str(music), "long.flac", rate=192_000, channels=2) as decoding:
        blocks = iter(decoding)
        next(blocks)
        assert decoder.pid
        # 240 s at this rate are 370 MB, which the child would hold if the pipe did not stop it.
        child = decoder.pid
        wait_until(lambda: state(child) == "S")
        assert peak_mb(decoder.pid) < 150
        assert sum(len(block) for block in blocks) > 0


def test_several_decoders_work_side_by_side(music: Path) -> None:
    def decode_some(_: int) -> float:
        with Decoder(max_seconds=600, stall_seconds=20, memory_mb=1024) as decoder:
            return sum(plays(decoder, music) for _ in range(3))

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(decode_some, range(3))) == pytest.approx([24, 24, 24])


def test_a_child_sees_nothing_of_the_environment(decoder: Decoder, music: Path) -> None:
    plays(decoder, music)
    names = {entry.partition(b"=")[0] for entry in Path(f"/proc/{decoder.pid}/environ").read_bytes().split(b"\0")}
    assert names <= {b"", b"PYTHONPATH", b"OPENBLAS_NUM_THREADS", b"OMP_NUM_THREADS"}


def test_a_child_imports_neither_django_nor_a_model(decoder: Decoder) -> None:
    code = "import sys, embeddings.audio.child; print([n for n in ('django', 'torch', 'pymilvus') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_child_dies_with_its_parent(music: Path) -> None:
    code = (
        "import sys, time; from embeddings.audio.decoders import Decoder\n"
        "decoder = Decoder(max_seconds=600, stall_seconds=60, memory_mb=1024)\n"
        f"blocks = iter(decoder.decode({str(music)!r}, 'long.flac', rate=192_000, channels=2)); next(blocks)\n"
        "print(decoder.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], cwd=PROJECT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        child = int(parent.stdout.readline())
        # A child that stands still cannot notice anything by itself.
        os.kill(child, signal.SIGSTOP)
        parent.kill()
    wait_until(lambda: state(child) in ("", "Z"))


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def state(pid: int) -> str:
    """R running, S waiting, Z dead; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return ""


def peak_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024
