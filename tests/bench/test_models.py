from dataclasses import replace

import pytest
import torch

from bench.figure import Figure
from bench.neural.gauges import Memory, percents
from bench.neural.measured import Measured, Naive, Ours, figures, together
from bench.neural.product import count_windows
from embeddings.embedders import get_spec

OURS = Ours(elapsed=90, busy=2, utilisation=None, loading_gb=2.6, embedding_gb=3, flop_per_window=4e11)
CPU = Measured(
    key="muq",
    on_gpu=False,
    tracks=1,
    seconds_each=240,
    windows_each=45,
    windows_of_four_minutes=45,
    decoding=0.5,
    ceiling=3e11,
    ours=OURS,
    naive=Naive(elapsed=216, busy=2, calls=9, timed=3),
)
GPU = replace(CPU, on_gpu=True, tracks=100, decoding=5, ceiling=4e14, ours=replace(OURS, elapsed=9, utilisation=87.5))
"""A hundred tracks in nine seconds are half of the ceiling."""


def named(measured: Measured, words: str) -> Figure:
    (found,) = (figure for figure in figures(measured) if words in figure.name)
    return found


def test_a_track_of_four_minutes_is_counted_by_its_windows() -> None:
    short = replace(CPU, key="mert", seconds_each=60, windows_each=7, windows_of_four_minutes=43)
    assert short.four_minutes == pytest.approx(90 / 7 * 43)
    assert named(short, "by their 43 windows").value == pytest.approx(3600 / (90 / 7 * 43))


def test_what_is_achieved_stands_beside_what_is_possible() -> None:
    assert named(CPU, "muq: achieved by").value == pytest.approx(0.2)
    assert named(CPU, "achieved / ceiling").value == pytest.approx(2 / 3)


def test_muq_on_a_cpu_has_to_be_twice_as_fast_as_the_packages() -> None:
    assert named(CPU, "times the packages").line().endswith("2.400 x | bar: at least 2 | ok")
    assert not named(replace(CPU, naive=Naive(elapsed=170, busy=2, calls=9, timed=9)), "times the packages").met
    assert named(replace(CPU, key="mert"), "times the packages").bar is None


def test_the_packages_time_says_how_much_of_it_was_timed() -> None:
    assert named(CPU, "calls timed").name == "muq: packages alone, 3 of 9 calls timed"


def test_a_gpu_is_judged_by_half_its_ceiling() -> None:
    assert named(GPU, "lesser").value == pytest.approx(1)
    assert not named(replace(GPU, ceiling=5e14), "lesser").met


def test_a_gpu_that_decoding_holds_back_is_judged_by_decoding() -> None:
    held = replace(GPU, ceiling=5e14, decoding=8.1)
    assert named(held, "lesser").value == pytest.approx(1)


def test_utilisation_is_told_where_there_is_a_gpu() -> None:
    assert named(GPU, "utilisation").value == 87.5
    assert not any("utilisation" in figure.name for figure in figures(CPU))


def test_all_models_together_are_judged_on_a_gpu_of_a_data_centre_alone() -> None:
    three = [replace(GPU, key=key, ours=replace(OURS, elapsed=12)) for key in ("muq", "mert", "latent")]
    assert together(three, data_centre=True).line().endswith("10,000.000 tracks/hour | bar: at least 10000 | ok")
    assert not together([*three[:2], replace(three[0], tracks=99)], data_centre=True).met
    assert together(three, data_centre=False).bar is None


def test_windows_of_four_minutes() -> None:
    assert {key: count_windows(get_spec(key), 240) for key in ("muq", "mert", "latent")} == {
        "muq": 45,
        "mert": 43,
        "latent": 25,
    }


def test_what_nvidia_smi_does_not_know_or_could_not_finish_is_no_sample() -> None:
    assert percents("35, 1024\n[N/A], 1024\n100, 2048\n9") == [35.0, 100.0]


def test_memory_is_what_was_taken_at_one_moment_and_given_back_since() -> None:
    memory = Memory(torch.device("cpu"))
    taken = bytearray(300_000_000)
    del taken
    assert 0.25 < memory.peak_gb < 0.5
    memory.begin()
    assert memory.peak_gb < 0.1
