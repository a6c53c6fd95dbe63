"""How each tag format names the fields that the catalogue keeps."""

from collections.abc import Mapping
from types import MappingProxyType

from mutagen._vorbis import VCommentDict
from mutagen.apev2 import APEv2
from mutagen.asf import ASFTags
from mutagen.id3 import ID3
from mutagen.mp4 import MP4Tags

Names = Mapping[str, tuple[str, ...]]

_VORBIS = {
    "title": ("title",),
    "artist": ("artist",),
    "album": ("album",),
    "album_artist": ("albumartist", "album artist"),
    "track_number": ("tracknumber",),
    "disc_number": ("discnumber",),
    "date": ("date", "year"),
    "genre": ("genre",),
    "mbid": ("musicbrainz_trackid",),
}
_ID3 = {
    "title": ("TIT2",),
    "artist": ("TPE1",),
    "album": ("TALB",),
    "album_artist": ("TPE2",),
    "track_number": ("TRCK",),
    "disc_number": ("TPOS",),
    "date": ("TDRC", "TYER", "TDRL"),
    "genre": ("TCON",),
    "mbid": ("UFID:http://musicbrainz.org",),
}
_MP4 = {
    "title": ("\xa9nam",),
    "artist": ("\xa9ART",),
    "album": ("\xa9alb",),
    "album_artist": ("aART",),
    "track_number": ("trkn",),
    "disc_number": ("disk",),
    "date": ("\xa9day",),
    "genre": ("\xa9gen",),
    "mbid": ("----:com.apple.iTunes:MusicBrainz Track Id",),
}
_APE = {
    "title": ("title",),
    "artist": ("artist",),
    "album": ("album",),
    "album_artist": ("album artist", "albumartist"),
    "track_number": ("track",),
    "disc_number": ("disc",),
    "date": ("year",),
    "genre": ("genre",),
    "mbid": ("musicbrainz_trackid",),
}
_ASF = {
    "title": ("Title",),
    "artist": ("Author",),
    "album": ("WM/AlbumTitle",),
    "album_artist": ("WM/AlbumArtist",),
    "track_number": ("WM/TrackNumber",),
    "disc_number": ("WM/PartOfSet",),
    "date": ("WM/Year",),
    "genre": ("WM/Genre",),
    "mbid": ("MusicBrainz/Track Id",),
}

FORMATS: Mapping[type, Names] = MappingProxyType(
    {VCommentDict: _VORBIS, ID3: _ID3, MP4Tags: _MP4, APEv2: _APE, ASFTags: _ASF}
)
"""Field -> keys in order of preference, by mutagen's class of the tag."""
