"""The one place that imports `muq`, on machines too where torchaudio's native part cannot load.

torchaudio's wheels are linked against CUDA's libraries, so beside a torch without CUDA their native
part does not load. `muq` needs none of it: it takes spectrograms from torchaudio, and they are plain
torch. It names `x_clip` too, for the size of a vocabulary that no class in use asks for.
"""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn

log = logging.getLogger(__name__)


def _import_torchaudio() -> None:
    try:
        import_module("torchaudio")
    except (OSError, RuntimeError) as error:  # CUDA's libraries are absent, or of another version than torch's
        log.debug("torchaudio's native part stays out, nothing here needs it: reason=%s", error)
        for name in [name for name in sys.modules if name.partition(".")[0] == "torchaudio"]:
            del sys.modules[name]
        # As its own module would be, had the wheel been built without native code.
        sys.modules["torchaudio._extension"] = _module(
            "torchaudio._extension", _IS_TORCHAUDIO_EXT_AVAILABLE=False, fail_if_no_align=_without_native_part
        )
        import_module("torchaudio")


def _without_native_part(_function: Callable[..., Any]) -> Callable[..., NoReturn]:
    def refuse(*_args: Any, **_kwargs: Any) -> NoReturn:
        raise RuntimeError("torchaudio's native part is not loaded")

    return refuse


@contextmanager
def _x_clip_in_name() -> Iterator[None]:
    """Answer to the name `x_clip` while `muq` is imported, and let it mean again what it did."""
    tokenizer = _module("x_clip.tokenizer", tokenizer=SimpleNamespace(vocab_size=49_408))
    placed = {"x_clip": _module("x_clip", __path__=[], tokenizer=tokenizer), "x_clip.tokenizer": tokenizer}
    before = {name: sys.modules[name] for name in placed if name in sys.modules}
    sys.modules.update(placed)
    try:
        yield
    finally:
        for name in placed:
            del sys.modules[name]
        sys.modules.update(before)


def _module(name: str, **members: Any) -> ModuleType:
    made = ModuleType(name)
    vars(made).update(members)
    return made


_import_torchaudio()
with _x_clip_in_name():
    from muq import MuQ, MuQConfig
    from muq.muq_mulan.models.audio import AudioSpectrogramTransformerPretrained
    from muq.muq_mulan.models.text import TextTransformerPretrained

__all__ = ["AudioSpectrogramTransformerPretrained", "MuQ", "MuQConfig", "TextTransformerPretrained"]
