"""The doctor's look at text: which models of MODELS prompts can be read for, and by what."""

from django.conf import settings

from embedder_site.finding import Finding
from embeddings import conf
from embeddings.embedders import SPECS
from embeddings.embedders.checkpoints.files import in_words
from embeddings.embedders.trained_files import has_text_model, is_there, weights_path

LAYOUT = "docs/operating.md, Text for other models, tells what it has to hold."


def reading() -> list[str]:
    """Models of MODELS that have a text tower, their own or a trained one."""
    folder = conf.texts().checkpoint_dir
    return [key for key in _known() if SPECS[key].text_loader or is_there(folder, key)]


def check_texts() -> list[Finding]:
    """Say how each model of MODELS takes text; nothing when none does and no checkpoint was promised."""
    folder = conf.texts().checkpoint_dir
    if not reading() and folder is None:
        return []
    used = "; ".join(f"{key}: {_tower(key)}" for key in _known())
    if problem := _problem():
        return [Finding(subject="prompts", state="warning", used=used, answer=problem, advice=LAYOUT)]
    answer = f"text for {', '.join(reading())}; the text worker says whether it can load them"
    return [Finding(subject="prompts", state="ok", used=used, answer=answer)]


def _tower(key: str) -> str:
    folder, towers = conf.texts().checkpoint_dir, []
    if SPECS[key].text_loader:
        towers.append("its own tower")
    if folder and is_there(folder, key):
        path = weights_path(folder, key)
        towers.append(f"trained, {path} ({in_words(path.stat().st_size)})")
    return " and ".join(towers) or "no tower"


def _problem() -> str:
    folder = conf.texts().checkpoint_dir
    if folder is None:
        return ""
    if not folder.is_dir():
        return f"TEXT_CHECKPOINT_DIR is no folder here: {folder}"
    if not any(is_there(folder, key) for key in _known()):
        wanted = ", ".join(weights_path(folder, key).name for key in _known())
        return f"{folder} (TEXT_CHECKPOINT_DIR) holds none of {wanted}"
    return "" if has_text_model(folder) else f"{folder} (TEXT_CHECKPOINT_DIR) holds no folder of a text model"


def _known() -> list[str]:
    return [key for key in settings.MODELS if key in SPECS]
