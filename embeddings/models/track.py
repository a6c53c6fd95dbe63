"""The catalogue: our own view of the libraries and their tracks."""

import uuid
from collections.abc import Sequence

from django.db import models
from django.db.models import Q

from embeddings.domain import Labels, TrackRef
from embeddings.errors import NotFound


class Library(models.Model):
    """One folder tree of music, as its source knows it and where it lies on this machine."""

    source = models.CharField(max_length=16)
    """`navidrome` or `folder`."""
    external_id = models.PositiveIntegerField()
    """The source's own number for it."""
    name = models.CharField(max_length=255)
    root = models.CharField(max_length=4096)
    """Absolute folder on this machine; no file outside it is ever read."""

    class Meta:
        verbose_name_plural = "libraries"
        constraints = [models.UniqueConstraint(fields=["source", "external_id"], name="library_once_per_source")]

    def __str__(self) -> str:
        return self.name


class TrackQuerySet(models.QuerySet["Track"]):
    """Which tracks."""

    def present(self) -> "TrackQuerySet":
        """Tracks whose file their source still lists."""
        return self.filter(missing_since=None)

    def matching(self, words: str) -> "TrackQuerySet":
        """Tracks whose title, artist, album or path contain every word."""
        found = self
        for word in words.split():
            found = found.filter(
                Q(title__icontains=word)
                | Q(artist__icontains=word)
                | Q(album__icontains=word)
                | Q(path__icontains=word)
            )
        return found

    def named(self, name: str) -> "Track":
        """Find the track with this id, ours or Navidrome's.

        Raises:
            NotFound: there is none.

        """
        found = self.filter(navidrome_id=name).first()
        if found is None and (ours := _uuid(name)) is not None:
            found = self.filter(pk=ours).first()
        if found is None:
            raise NotFound(f"There is no track {name!r} in the catalogue.")
        return found

    def ids_named(self, names: Sequence[str]) -> list[str]:
        """Our ids of tracks that are named by our id or Navidrome's.

        Raises:
            NotFound: some are in the catalogue under neither.

        """
        ours = {str(found) for name in names if (found := _uuid(name)) is not None}
        known = {str(pk): str(pk) for pk in self.filter(pk__in=ours).values_list("pk", flat=True)}
        theirs = self.filter(navidrome_id__in=names).values_list("navidrome_id", "pk")
        known |= {navidrome_id: str(pk) for navidrome_id, pk in theirs}
        unknown = [name for name in names if name not in known and str(_uuid(name)) not in known]
        if unknown:
            raise NotFound(f"The catalogue has no track {', '.join(unknown[:5])}.")
        return sorted({known.get(name) or str(_uuid(name)) for name in names})


def _uuid(text: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text)
    except ValueError:
        return None


class Track(models.Model):
    """One piece of music. `id` is ours and never changes; everything else may."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    library = models.ForeignKey(Library, on_delete=models.CASCADE, related_name="tracks")
    navidrome_id = models.CharField(max_length=64, blank=True, db_index=True)
    path = models.CharField(max_length=2048)
    signature = models.CharField(max_length=80)
    """Changes when the file changes; a vector made from another signature is stale."""
    size = models.PositiveBigIntegerField(default=0)
    title = models.CharField(max_length=512, blank=True)
    artist = models.CharField(max_length=512, blank=True)
    album = models.CharField(max_length=512, blank=True)
    album_artist = models.CharField(max_length=512, blank=True)
    artist_key = models.CharField(max_length=64, blank=True, db_index=True)
    album_key = models.CharField(max_length=64, blank=True, db_index=True)
    track_number = models.IntegerField(null=True, blank=True)
    disc_number = models.IntegerField(null=True, blank=True)
    year = models.IntegerField(null=True, blank=True)
    genres = models.JSONField(default=list, blank=True)
    duration = models.FloatField(null=True, blank=True)
    recording_mbid = models.CharField(max_length=36, blank=True, db_index=True)
    missing_since = models.DateTimeField(null=True, blank=True, db_index=True)
    added_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    objects = TrackQuerySet.as_manager()

    class Meta:
        ordering = ["artist", "album", "disc_number", "track_number", "title"]
        constraints = [
            # A missing track keeps the path it had, so that it is known again when its file comes back.
            models.UniqueConstraint(
                fields=["library", "path"], condition=Q(missing_since=None), name="track_once_per_path"
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def name(self) -> str:
        """`Artist - Title`, falling back to the file's name."""
        title = self.title or self.path.rsplit("/", 1)[-1]
        return f"{self.artist} - {title}" if self.artist else title

    def labels(self, *, offset: float, model_id: str) -> Labels:
        """What is kept beside a vector of it.

        Args:
            offset: where the embedded audio starts, in seconds.
            model_id: what made the vector.

        """
        return Labels(
            name=self.name,
            offset=offset,
            model_id=model_id,
            library_id=self.library_id,
            artist_key=self.artist_key,
            album_key=self.album_key,
            year=self.year or 0,
            seconds=self.duration or 0.0,
            genres=tuple(self.genres),
            missing=self.missing_since is not None,
        )

    def ref(self) -> TrackRef:
        """The frozen form that the pipeline works on; needs `library` loaded."""
        return TrackRef(
            id=str(self.id),
            root=self.library.root,
            path=self.path,
            name=self.name,
            library_id=self.library_id,
            artist_key=self.artist_key,
            album_key=self.album_key,
            signature=self.signature,
        )
