"""Which packages hold the music, and what is known about it; found by reading the packages."""

from dataclasses import dataclass
from typing import Literal

StyleSource = Literal["format", "judged"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One Debian package of a game, and how to read its music.

    Globs match the path inside the package; `*` also crosses `/`.
    """

    name: str
    artist: str
    """Album artist: the game."""
    music: tuple[str, ...]
    album: str | None = None
    notes: tuple[str, ...] = ()
    """Files of the package that name titles and composers."""
    style: str
    style_source: StyleSource = "judged"
    """`format`: follows from the file format; `judged`: by hand from titles, without listening - a weak label."""
    styles: tuple[tuple[str, str], ...] = ()
    """Exceptions: (glob of the file name, style)."""
    composers: tuple[tuple[str, str], ...] = ()
    """(glob of the file name, composer), the first that matches."""
    skip: tuple[str, ...] = ()
    trust_title_tags: bool = True
    licence: str = "see .licences"
    """Where the package's copyright file is not machine readable."""
    installed: str = ""
    """Folder of the data when installed ..."""
    upstream: str = ""
    """... and in the source, which is what the copyright file speaks about."""


PACKAGES = (
    Package(
        name="pingus-data",
        artist="Pingus",
        album="Pingus",
        music=("*/data/music/*.it", "*/data/music/*.s3m"),
        style="tracker",
        style_source="format",
        licence="GPL-2+ (free-form debian/copyright)",
    ),
    Package(
        name="xmoto-data",
        artist="X-Moto",
        album="X-Moto Soundtrack",
        music=("*/Musics/*.ogg",),
        style="electronic",
        installed="usr/share/games/xmoto/",
        upstream="bin/",
    ),
    Package(
        name="openttd-openmsx",
        artist="OpenMSX",
        music=("*/openmsx/*.mid",),
        notes=("*/openmsx.obm",),
        style="general midi",
        style_source="format",
        composers=(  # readme.txt of the package, section 5
            ("*_redfarn.mid", "Jim Redfarn"),
            ("ttsong_i*", "imuh3"),
            ("train_filled*", "imuh3"),
            ("flying_scotsman*", "imuh3"),
            ("chuggachugga*", "imuh3"),
            ("busy_schedule*", "mimm"),
            ("the_fast_route*", "mimm"),
            ("modern_motion*", "Kyle Timmerman"),
            ("keep_on_rolling*", "Trolley Trev"),
            ("tttheme2*", "-lucas-"),
            ("*", "Tistou Blomberg"),
        ),
        installed="usr/share/games/openttd/baseset/openmsx/",
    ),
    Package(
        name="hyperrogue-music",
        artist="HyperRogue",
        album="HyperRogue",
        music=("*/hyperrogue/music/*.ogg",),
        style="ambient",
        composers=(
            ("hr3-*", "Shawn Parrotte (NeonCorridor)"),
            ("hr-domina-*", "Lincoln Domina"),
            ("hr-savino-*", "Will Savino"),
        ),
        trust_title_tags=False,
        installed="usr/share/hyperrogue/",
    ),
    Package(
        name="hedgewars-data",
        artist="Hedgewars",
        album="Hedgewars Soundtrack",
        music=("*/Data/Music/*.ogg",),
        notes=("*/Data/Music/credits.txt",),
        style="mixed game",
        styles=(("Rock.ogg", "rock"),),
        installed="usr/share/games/hedgewars/",
        upstream="share/hedgewars/",
    ),
    Package(
        name="flare-game",
        artist="Flare",
        album="Fantasycore",
        music=("*/mods/*/music/*.ogg",),
        skip=("wind_ambient.ogg",),
        style="orchestral",
        installed="usr/share/games/flare/",
    ),
    Package(
        name="widelands-data",
        artist="Widelands",
        album="Widelands Soundtrack",
        music=("*/data/music/*.ogg",),
        style="orchestral",
        styles=(("ingame_1[567].ogg", "metal"), ("ingame_28.ogg", "folk")),
        installed="usr/share/games/widelands/",
    ),
    Package(
        name="supertuxkart-data",
        artist="SuperTuxKart",
        album="SuperTuxKart Soundtrack",
        music=(
            "*/data/music/*.ogg",
            "*/tracks/*/Battle_Theme_1.ogg",
            "*/tracks/*/Gran_Paradiso_*.ogg",
            "*/tracks/cave/beneath_the_rabbit_hole.ogg",
            "*/tracks/introcutscene2/intro2.ogg",
        ),
        notes=("*/data/music/*.music", "*/data/tracks/*/*.music"),
        style="racing game",
        installed="usr/share/games/supertuxkart/",
    ),
)

SOUNDFONT = ("timgm6mb-soundfont", "*/TimGM6mb.sf2")
"""What the MIDI package is played with (GPL-2)."""

SMALL = ("pingus-data", "xmoto-data", "openttd-openmsx")
SMALL_MIDI_TRACKS = 17
