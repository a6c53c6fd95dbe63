"""Words for the styles of the evaluation's library, and prompts that are made of them but never stood there so."""

from collections.abc import Mapping, Sequence

LABELS: Mapping[str, Sequence[str]] = {
    "orchestral": ("orchestra", "symphonic", "strings", "brass", "heroic", "score", "horns", "choir"),
    "racing game": ("racing", "fast", "driving", "energetic", "dance", "race", "speed", "catchy"),
    "general midi": ("midi", "soundfont", "general", "sequenced", "lounge", "keyboard", "plain", "swing"),
    "mixed game": ("strategy", "cartoon", "funny", "hedgehogs", "battle", "silly", "worms", "western"),
    "ambient": ("ambient", "drifting", "drone", "calm", "slow", "spacious", "dungeon", "mist"),
    "tracker": ("tracker", "module", "chiptune", "amiga", "puzzle", "samples", "demo", "penguins"),
}
"""Each word belongs to one style. The styles themselves go back to where a track comes from and how it was made, which
is what can be known of them without a listener."""

PROMPTS: Mapping[str, Sequence[str]] = {
    "orchestral": ("heroic symphonic music with brass", "a choir and strings", "an orchestra score with many horns"),
    "racing game": ("fast music for a race", "energetic and catchy dance music", "driving at high speed"),
    "general midi": ("plain sequenced midi music", "a lounge keyboard in swing", "the sound of a general soundfont"),
    "mixed game": ("funny cartoon music", "a silly battle of worms", "western strategy with hedgehogs"),
    "ambient": ("calm and slow ambient music", "a spacious drone", "drifting through the mist of a dungeon"),
    "tracker": ("an old tracker module", "chiptune for a puzzle with penguins", "amiga demo samples"),
}
"""Three for each style, with words between them that nobody trained."""
