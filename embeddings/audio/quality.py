"""Refuses tracks that decode and still have nothing to say: too short, or silent."""

from embeddings.errors import AudioSilent, AudioTooShort


def require_length(seconds: float, *, min_seconds: float) -> None:
    """Refuse a track that is shorter than its model's minimum.

    Raises:
        AudioTooShort: it is.

    """
    if seconds < min_seconds:
        raise AudioTooShort(f"It plays {seconds:.2f} s; this model needs {min_seconds:g} s.")


def require_sound(*, heard: bool) -> None:
    """Refuse a track in which no window is audible: its vector would be near every other one.

    Raises:
        AudioSilent: none is.

    """
    if not heard:
        raise AudioSilent("Nothing in it can be heard: all of it is below -70 dBFS.")
