"""What variety costs: diversity, caps, exploration, and how many tracks dislikes touch."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from bench.evaluation.protocol import Piece
from bench.quality.corpus import Corpus, Rows
from bench.quality.measures import Matrix, labels_of
from recommendations.arithmetic.calibration import probability
from recommendations.arithmetic.diversity import Choice, Sound, choose
from recommendations.arithmetic.scoring import dislike_factor, explore
from recommendations.results import Candidate

MODEL = "acoustic"
DIVERSITIES = (0.0, 0.15, 0.3, 0.6, 1.0)
CAPS = ((0, 0), (5, 3), (3, 2), (3, 0), (2, 1))
EXPLORATIONS = (0.0, 0.25, 0.5, 1.0)
DISLIKES = (1, 5, 20, 60)
THRESHOLDS = (0.95, 0.99, 0.998)
"""From which a candidate could count as near to a dislike, beside the shipped one."""
HEAD = ("tracks", "relevance", "cosine to the seed", "same style", "artists", "albums", "cosine within", "mean rank")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Asked:
    """Every track as the one seed of a list of its own."""

    candidates: Sequence[Candidate]
    scores: Matrix
    """[seeds, candidates] calibrated; NaN for the seed itself."""
    rows: Rows
    sound: Sound
    styles: NDArray[np.int64]

    @classmethod
    def of(cls, corpus: Corpus) -> "Asked":
        """Score all pairs of tracks."""
        rows, background = corpus.rows(MODEL, corpus.tracks), corpus.background(MODEL)
        scores = probability(background.log_odds(background.corrected(rows, rows)))
        np.fill_diagonal(scores, np.nan)
        return cls(
            candidates=[_candidate(piece) for piece in corpus.tracks],
            scores=scores,
            rows=rows,
            sound=Sound.of(rows, background),
            styles=labels_of(corpus.tracks, "style"),
        )


def lines(corpus: Corpus) -> Iterator[str]:
    """Diversity for two lengths, then caps, exploration and dislikes."""
    asked = Asked.of(corpus)
    plain = Choice(candidates=asked.candidates, relevance=np.empty(0), sounds=[asked.sound], limit=25)
    yield f"| lists of one seed each | {' | '.join(HEAD)} |"
    yield "|---" * (len(HEAD) + 1) + "|"
    for limit in (10, 25):
        for diversity in DIVERSITIES:
            yield _row(
                asked, f"{limit} tracks, diversity {diversity:g}", replace(plain, limit=limit, diversity=diversity)
            )
    for artist, album in CAPS:
        yield _row(
            asked, f"at most {artist} by artist, {album} by album", replace(plain, per_artist=artist, per_album=album)
        )
    for exploration in EXPLORATIONS:
        yield _row(asked, f"exploration {exploration:g}", plain, exploration)
    yield ""
    yield from _dislikes(asked)


def _row(asked: Asked, name: str, choice: Choice, exploration: float = 0.0) -> str:
    values = [_one_list(asked, choice, seed, exploration) for seed in range(len(asked.scores))]
    return f"| {name} | {' | '.join(f'{value:.3f}' for value in np.nanmean(values, axis=0))} |"


def _one_list(asked: Asked, choice: Choice, seed: int, exploration: float) -> list[float]:
    scores = asked.scores[seed]
    order = np.argsort(np.where(np.isnan(scores), np.inf, -scores), kind="stable")
    # As many candidates as the engine gathers.
    pool = np.full(len(scores), np.nan)
    some = order[: 3 * choice.limit + 50]
    pool[some] = scores[some]
    chosen = choose(replace(choice, relevance=explore(pool, exploration, choice.limit)))
    within = asked.rows[chosen] @ asked.rows[chosen].T
    alike = asked.styles[chosen] == asked.styles[seed]
    return [
        len(chosen),
        float(scores[chosen].mean()),
        float((asked.rows[chosen] @ asked.rows[seed]).mean()),
        float(alike.mean()) if asked.styles[seed] >= 0 else np.nan,
        len({asked.candidates[place].artist_key for place in chosen}),
        len({asked.candidates[place].album_key for place in chosen}),
        float(within[~np.eye(len(chosen), dtype=bool)].mean()),
        float(np.argsort(order)[chosen].mean()),
    ]


def _dislikes(asked: Asked) -> Iterator[str]:
    """What any dislikes touch, and what dislikes of one style take from the rest of it."""
    head = [*(f"touched from {least:g}" for least in THRESHOLDS), "touched as shipped", "of their styles"]
    kind = ["of one style: taken from the rest of it", "from others"]
    yield f"| dislikes | {' | '.join([*head, *kind])} |"
    yield "|---" * (len(head) + len(kind) + 1) + "|"
    for count in DISLIKES:
        draw = np.random.default_rng(0)
        anywhere = [_touched(asked, draw.permutation(len(asked.scores))[:count]) for _ in range(100)]
        values = [f"{value:.3f}" for value in np.nanmean(anywhere, axis=0)]
        values[-1] = f"{float(values[-1]):+.3f} over chance"
        styles = [style for style in set(asked.styles.tolist()) - {-1} if (asked.styles == style).sum() > count + 2]
        within = [_taken(asked, draw, int(draw.choice(styles)), count) for _ in range(100 if styles else 0)]
        values += [f"{value:.3f}" for value in np.mean(within, axis=0)] if within else ["", ""]
        yield f"| {count} | {' | '.join(values)} |"


def _touched(asked: Asked, some: NDArray[np.int64]) -> list[float]:
    """Shares of the library: beyond each threshold, as shipped, and of the latter what has a disliked track's style."""
    others = np.setdiff1d(np.arange(len(asked.scores)), some)
    heard = asked.scores[np.ix_(some, others)]
    shipped = dislike_factor([heard], np.ones(len(some)), 1.0) < 1
    same = np.isin(asked.styles[others], asked.styles[some][asked.styles[some] >= 0])
    beyond = [float((heard.max(axis=0) > least).mean()) for least in THRESHOLDS]
    return [*beyond, float(shipped.mean()), same[shipped].mean() - same.mean() if shipped.any() else np.nan]


def _taken(asked: Asked, draw: np.random.Generator, style: int, count: int) -> list[float]:
    """What dislikes of one style take from the scores of its other tracks, and of all else, at full strength."""
    own = draw.permutation(np.flatnonzero(asked.styles == style))
    taken = 1.0 - dislike_factor([asked.scores[own[:count]]], np.ones(count), 1.0)
    return [float(taken[own[count:]].mean()), float(taken[asked.styles != style].mean())]


def _candidate(piece: Piece) -> Candidate:
    artist = piece.composer or piece.game
    return Candidate(
        id=piece.id,
        navidrome_id="",
        library_id=1,
        title=piece.track,
        artist=artist,
        album=piece.album,
        album_artist="",
        artist_key=artist,
        album_key=piece.album,
        path="",
        year=None,
        genres=(),
        duration=None,
        recording_mbid="",
    )
