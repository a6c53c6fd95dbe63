"""What is answered, in the words of the REST API, which are those of `--json` as well."""

import re
from collections.abc import Sequence
from typing import Any

from embeddings.api.serializers import TrackOut
from embeddings.models import Track
from recommendations.comparing import Comparison
from recommendations.modes import TUNABLE, Mode
from recommendations.paths import Path
from recommendations.results import Answer, Explanation, QueryShare, Recommendation

DIGITS = 6


def camel_case(name: str) -> str:
    """`half_life_days` as the API says it: `halfLifeDays`."""
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name)


def answer_out(answer: Answer) -> dict[str, Any]:
    """Describe an answer; the catalogue is read once."""
    return {
        "tracks": recommendations_out(answer.tracks),
        "warnings": list(answer.warnings),
        "models": list(answer.models),
        "isStub": answer.is_stub,
    }


def recommendations_out(found: Sequence[Recommendation]) -> list[dict[str, Any]]:
    """Describe tracks and why they are there; one that has gone from the catalogue in between is left out."""
    tracks = _tracks([one.candidate.id for one in found])
    return [_recommendation(one, tracks[one.candidate.id]) for one in found if one.candidate.id in tracks]


def _tracks(ids: Sequence[str]) -> dict[str, Track]:
    return {str(pk): track for pk, track in Track.objects.in_bulk(ids).items()}


def comparison_out(found: Comparison) -> dict[str, Any]:
    """Describe two answers side by side."""
    like = found.likeness
    return {
        "a": answer_out(found.a),
        "b": answer_out(found.b),
        "likeness": {
            "k": like.k,
            "overlap": _rounded(like.overlap),
            "jaccard": _rounded(like.jaccard),
            "kendallTau": _rounded(like.kendall_tau),
            "rankBiasedOverlap": _rounded(like.rank_biased_overlap),
            "persistence": like.persistence,
        },
        "onlyA": sorted(found.only_a),
        "onlyB": sorted(found.only_b),
    }


def path_out(found: Path) -> dict[str, Any]:
    """Describe a path; the catalogue is read once."""
    tracks = _tracks([step.candidate.id for step in found.steps])
    steps = [
        {
            "track": TrackOut(tracks[step.candidate.id]).data,
            "position": _rounded(step.position),
            "similarity": _rounded(step.similarity),
        }
        for step in found.steps
        if step.candidate.id in tracks
    ]
    return {"steps": steps, "models": list(found.models), "warnings": list(found.warnings)}


def mode_out(mode: Mode) -> dict[str, Any]:
    """Describe a mode with its parameters."""
    return {"key": mode.key, "title": mode.title} | {camel_case(name): getattr(mode, name) for name in TUNABLE}


def _recommendation(found: Recommendation, track: Track) -> dict[str, Any]:
    return {
        "track": TrackOut(track).data,
        "artistKey": found.candidate.artist_key,
        "albumKey": found.candidate.album_key,
        "score": _rounded(found.score),
        "negativeSimilarity": _rounded(found.negative_similarity),
        "models": [
            {
                "model": share.model,
                "score": _rounded(share.score),
                "amongHits": share.among_hits,
                "rank": share.rank,
            }
            for share in found.explanation.models
        ],
        "explanation": _explanation(found.explanation),
    }


def _explanation(why: Explanation) -> dict[str, Any]:
    return {
        "sentence": why.sentence,
        "closest": _share(why.closest) if why.closest else None,
        "queries": [_share(share) for share in why.queries],
        "penalties": [{"kind": penalty.kind, "factor": _rounded(penalty.factor)} for penalty in why.penalties],
        "rankBefore": why.rank_before,
        "rankAfter": why.rank_after,
    }


def _share(share: QueryShare) -> dict[str, Any]:
    return {
        "label": share.label,
        "kind": share.kind,
        "source": share.source,
        "trackId": share.track_id or None,
        "similarity": _rounded(share.similarity),
        "share": _rounded(share.share),
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, DIGITS)
