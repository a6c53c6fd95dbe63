"""Checkpoints that are whole, damaged, wrong, or programs in disguise."""

import pickle
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from embeddings.embedders.neural.weights import find_weights, load_strictly, read_config, read_weights
from embeddings.errors import CheckpointRefused

NAMES = ("pytorch_model.bin",)
WEIGHTS = {f"layer.{index}": torch.full((4, 3), float(index)) for index in range(5)}


def save_zip(folder: Path) -> Path:
    torch.save(WEIGHTS, folder / "pytorch_model.bin")
    return folder / "pytorch_model.bin"


def save_legacy(folder: Path) -> Path:
    torch.save(WEIGHTS, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)
    return folder / "pytorch_model.bin"


def save_safe(folder: Path) -> Path:
    save_file(WEIGHTS, folder / "model.safetensors")
    return folder / "model.safetensors"


every_form = pytest.mark.parametrize("save", [save_zip, save_legacy, save_safe])


class Program:
    """Leaves a mark when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return Path.touch, (self.mark,)


@every_form
def test_weights_are_read_as_they_were_saved(tmp_path: Path, save: Callable[[Path], Path]) -> None:
    save(tmp_path)
    found = read_weights(tmp_path, NAMES)
    assert {key: tensor.tolist() for key, tensor in found.items()} == {k: t.tolist() for k, t in WEIGHTS.items()}


@every_form
def test_weights_cut_off_anywhere_are_refused(tmp_path: Path, save: Callable[[Path], Path]) -> None:
    path = save(tmp_path)
    whole = path.read_bytes()
    for share in (0.0, 0.1, 0.5, 0.9, 0.999):
        path.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(CheckpointRefused, match=path.name):
            read_weights(tmp_path, NAMES)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@every_form
def test_damaged_weights_are_read_or_refused_and_nothing_else(tmp_path: Path, save: Callable[[Path], Path]) -> None:
    path, chance = save(tmp_path), random.Random(5)
    whole = path.read_bytes()
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(40):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        try:
            read_weights(tmp_path, NAMES)
        except CheckpointRefused as refusal:
            assert path.name in str(refusal)  # noqa: PT017


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_a_program_is_refused_and_not_run(tmp_path: Path, *, zipped: bool) -> None:
    mark = tmp_path / "mark"
    torch.save({"a": Program(mark)}, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointRefused, match=r"pytorch_model\.bin .* was not opened"):
        read_weights(tmp_path, NAMES)
    assert not mark.exists()


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_plain_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "pytorch_model.bin").write_bytes(pickle.dumps(Program(mark)))
    with pytest.raises(CheckpointRefused, match=r"pytorch_model\.bin"):
        read_weights(tmp_path, NAMES)
    assert not mark.exists()


def test_safetensors_are_preferred(tmp_path: Path) -> None:
    save_zip(tmp_path)
    assert find_weights(tmp_path, NAMES) == tmp_path / "pytorch_model.bin"
    assert find_weights(tmp_path, ("pytorch_model.bin", "model.safetensors")).name == "pytorch_model.bin"
    save_safe(tmp_path)
    assert find_weights(tmp_path, NAMES) == tmp_path / "model.safetensors"


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointRefused, match=r"none of model\.safetensors, pytorch_model\.bin"):
        read_weights(tmp_path, NAMES)


def test_wrapped_weights_are_unwrapped(tmp_path: Path) -> None:
    torch.save({"step": 5, "state": WEIGHTS}, tmp_path / "pytorch_model.bin")
    assert set(read_weights(tmp_path, NAMES, inside="state")) == set(WEIGHTS)


@pytest.mark.parametrize("content", [{}, {"step": 5}, {"state": {"a": 1}}, [torch.zeros(2)], torch.zeros(2)])
def test_a_file_of_something_else_holds_no_weights(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "pytorch_model.bin")
    for inside in ("", "state"):
        with pytest.raises(CheckpointRefused, match="holds no weights"):
            read_weights(tmp_path, NAMES, inside=inside)


def test_harmless_types_may_be_allowed(tmp_path: Path) -> None:
    torch.save({"state": WEIGHTS, "where": Path("somewhere")}, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointRefused):
        read_weights(tmp_path, NAMES, inside="state")
    assert read_weights(tmp_path, NAMES, inside="state", allowed=[type(Path())])
    with pytest.raises(CheckpointRefused):
        read_weights(tmp_path, NAMES, inside="state")


# ---- into a model


def model() -> torch.nn.Module:
    torch.manual_seed(1)
    return torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))


def fitting() -> dict[str, torch.Tensor]:
    return {key: torch.ones_like(tensor) for key, tensor in model().state_dict().items()}


def test_weights_that_fit_are_loaded() -> None:
    filled = model()
    load_strictly(filled, fitting())
    assert all(bool((tensor == 1).all()) for tensor in filled.state_dict().values())


def test_a_model_without_memory_gets_copies_in_its_own_precision() -> None:
    weights = fitting()
    weights["0.bias"] = weights["0.bias"].half()
    with torch.device("meta"):
        empty = model()
    load_strictly(empty, weights)
    weights["0.weight"].zero_()
    filled = empty.state_dict()
    assert filled["0.weight"].tolist() == [[1.0] * 3] * 2
    assert filled["0.bias"].dtype == torch.float32


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda weights: weights.pop("0.bias"), r"missing: 0\.bias\."),
        (lambda weights: weights.update({"2.bias": torch.ones(2)}), r"unknown: 2\.bias\."),
        (lambda weights: weights.update({"0.bias": torch.ones(7)}), r"0\.bias is 7 and not 2"),
        (lambda weights: weights.clear(), r"0\.weight, 0\.bias, 1\.weight and 3 more"),
    ],
)
def test_weights_that_do_not_fit_are_refused(change: Callable[[dict[str, torch.Tensor]], object], fault: str) -> None:
    weights = fitting()
    change(weights)
    with pytest.raises(CheckpointRefused, match=fault) as refusal:
        load_strictly(model(), weights, source=Path("/models/muq/model.safetensors"))
    assert str(refusal.value).startswith("/models/muq/model.safetensors does not fit")


@pytest.mark.parametrize("key", ["0.weight", "1.running_var"])
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e300])
def test_weights_that_are_not_finite_are_refused(key: str, value: float) -> None:
    weights = fitting()
    weights[key] = weights[key].double()
    weights[key].view(-1)[-1] = value
    with pytest.raises(CheckpointRefused, match=rf"model\.bin holds numbers that are not finite: {key};"):
        load_strictly(model(), weights, source=Path("model.bin"))


def test_weights_may_be_missing_or_unknown_where_that_is_said() -> None:
    weights = fitting() | {"head.bias": torch.ones(2)}
    del weights["0.bias"]
    load_strictly(model(), weights, ignore_missing_prefixes=("0.b",), ignore_unexpected_prefixes=("head.",))


def test_a_number_that_nothing_was_loaded_into_is_ours() -> None:
    with torch.device("meta"):
        empty = model()
        empty.register_buffer("table", torch.arange(4), persistent=False)
    with pytest.raises(ValueError, match="table"):
        load_strictly(empty, fitting())


# ---- configuration


@pytest.mark.parametrize("content", ["", "{", "[1]", "null", "\udcff", "[" * 100_000])
def test_a_configuration_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "config.json").write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(CheckpointRefused, match=r"config\.json"):
        read_config(tmp_path)


def test_a_missing_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointRefused, match=r"preprocessor\.json cannot be read"):
        read_config(tmp_path, "preprocessor.json")
