"""The Hugging Face hub: what its cache holds, what it has, and why it does not give it; alone uses its library."""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

from huggingface_hub import constants, get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.file_download import repo_folder_name
from huggingface_hub.utils.tqdm import disable_progress_bars

from embeddings.domain import HubFiles
from embeddings.embedders.checkpoints.arriving import Part, Wanted
from embeddings.embedders.checkpoints.files import variable
from embeddings.errors import BackendUnavailable, CheckpointRefused, EmbedderError

FORMER_NAMES = {"FacebookAI/xlm-roberta-base": "xlm-roberta-base"}
"""Under which name a repository that was renamed since lies in older caches."""

FORBIDDEN = "{hub} does not give {repository} to everybody; accept its terms there and set HF_TOKEN"
UNKNOWN_ANSWER = "{hub} does not give {repository}/{name} ({reason}); check HF_ENDPOINT"
UNWRITABLE = "{name} for {key} cannot be written to {cache} ({reason}); make room there, or set HF_HOME"
NO_ADDRESS = "HF_ENDPOINT={hub} is no address ({reason}); correct it"
REFUSALS: tuple[tuple[type[OSError], str], ...] = (
    (LocalEntryNotFoundError, ""),
    (RevisionNotFoundError, "{repository} on {hub} has no revision {revision}; upgrade this program"),
    (EntryNotFoundError, "{repository} on {hub} has no {name} at revision {revision}; upgrade this program"),
    (GatedRepoError, FORBIDDEN),
    (DisabledRepoError, "{repository} on {hub} has been disabled; upgrade this program"),
    (RepositoryNotFoundError, "There is no {repository} on {hub} for you; check HF_ENDPOINT, set HF_TOKEN"),
)
"""What trying again would not change, most special first; what is not here and no disk's trouble passes."""

PASSING = (408, 416, 425, 429)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A hub, and the folder that keeps what came from it."""

    cache: Path
    endpoint: str
    offline: bool

    @classmethod
    def configured(cls) -> Self:
        """As HF_HOME, HF_HUB_CACHE, HF_ENDPOINT and HF_HUB_OFFLINE say; the library reads them itself."""
        return cls(
            cache=Path(constants.HF_HUB_CACHE), endpoint=constants.ENDPOINT, offline=bool(constants.HF_HUB_OFFLINE)
        )

    def lacking(self, files: HubFiles) -> list[str]:
        """Those that the cache does not hold, as `repository/name`."""
        if self.cached(files) is not None:
            return []
        return [f"{files.repository}/{name}" for name in files.names if not self._cached(files, name, files.repository)]

    def cached(self, files: HubFiles) -> Path | None:
        """Folder in the cache that holds all of them at their revision; None when one is missing."""
        for repository in (files.repository, FORMER_NAMES.get(files.repository, files.repository)):
            found = [self._cached(files, name, repository) for name in files.names]
            if found[0] and all(found):
                return found[0].parent
        return None

    def _cached(self, files: HubFiles, name: str, repository: str) -> Path | None:
        found = try_to_load_from_cache(repository, name, cache_dir=self.cache, revision=files.revision)
        return Path(found) if isinstance(found, str) else None

    def look_up(self, wanted: Wanted) -> Part:
        """Ask the hub for a file's size and where its cache will keep it.

        Raises:
            BackendUnavailable: it does not answer.
            CheckpointRefused: it does not have the file, or not for us.

        """
        url = hf_hub_url(wanted.repository, wanted.name, revision=wanted.revision, endpoint=self.endpoint)
        _settle()
        try:
            said = get_hf_file_metadata(url, endpoint=self.endpoint)
        except OSError as error:
            raise self.explain(error, wanted) from error
        if said.commit_hash is None or said.etag is None or said.size is None:
            raise CheckpointRefused(
                f"What answers at {self.endpoint} is no Hugging Face hub; check HF_ENDPOINT and the way to the "
                f"internet, or {_other_way(wanted)}."
            )
        folder = self.cache / repo_folder_name(repo_id=wanted.repository, repo_type="model")
        return Part(wanted=wanted, size=said.size, blob=folder / "blobs" / said.etag)

    def fetch(self, part: Part) -> None:
        """Download one file into the cache, going on where an earlier attempt ended.

        Raises:
            BackendUnavailable: it broke off; what has arrived is kept.
            CheckpointRefused: the hub refuses, or the cache cannot be written.

        """
        wanted = part.wanted
        _settle()
        try:
            hf_hub_download(
                wanted.repository,
                wanted.name,
                revision=wanted.revision,
                cache_dir=self.cache,
                endpoint=self.endpoint,
            )
        except OSError as error:
            if _status(error) == 416 or (part.beginning.exists() and part.beginning.stat().st_size > part.size):
                # More than the hub has to give cannot be a beginning of it.
                part.beginning.unlink(missing_ok=True)
            raise self.explain(error, wanted) from error

    def explain(self, error: OSError, wanted: Wanted) -> EmbedderError:
        """Sort what the library raised over a file: network trouble passes, the rest is for a person to mend."""
        refusal = self._refusal(error, wanted)
        if refusal:
            return CheckpointRefused(f"{refusal}, or {_other_way(wanted)}.")
        return BackendUnavailable(
            f"{wanted.repository}/{wanted.name} could not be downloaded for {wanted.key} from {self.endpoint}: "
            f"{_reason(error).rstrip('.')}. Without internet, {_other_way(wanted)}."
        )

    def _refusal(self, error: OSError, wanted: Wanted) -> str:
        known = next((words for kind, words in REFUSALS if isinstance(error, kind)), None)
        if known is None and 400 <= _status(error) < 500 and _status(error) not in PASSING:
            known = FORBIDDEN if _status(error) in (401, 403) else UNKNOWN_ANSWER
        if known is None and error.errno is not None and not isinstance(error, ConnectionError | TimeoutError):
            known = UNWRITABLE
        if known is None and isinstance(error, ValueError):
            known = NO_ADDRESS
        return (known or "").format(
            repository=wanted.repository,
            name=wanted.name,
            revision=wanted.revision,
            key=wanted.key,
            hub=self.endpoint,
            cache=self.cache,
            reason=_reason(error),
        )


def _settle() -> None:
    """One way of downloading, which can go on where it ended; no bars in logs; no list of our packages for the hub."""
    constants.HF_HUB_DISABLE_XET = True
    constants.HF_HUB_ENABLE_HF_TRANSFER = False
    constants.HF_HUB_DISABLE_TELEMETRY = True
    disable_progress_bars()


def _status(error: OSError) -> int:
    return error.response.status_code if isinstance(error, HfHubHTTPError) and error.response is not None else 0


def _reason(error: BaseException) -> str:
    """What lies at the bottom of it, in the system's words; the libraries above it say much and little."""
    while inner := error.__cause__ or error.__context__:
        error = inner
    said = (getattr(error, "strerror", None) or str(error)).strip().splitlines()
    return str(said[0]) if said else type(error).__name__


def _other_way(wanted: Wanted) -> str:
    return f"set {variable(wanted.key)} to a folder that holds its files"
