"""Two common ways to describe music in a few numbers, written with librosa: what we have to beat."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

RATE = 22_050


def describe(samples: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Both baselines of [n] mono samples at RATE; one spectrogram serves both."""
    return {"mfcc": mfcc(samples), "spectral": spectral(samples)}


def mfcc(samples: NDArray[np.float32]) -> NDArray[Any]:
    """Mean and spread of 20 MFCC: 40 numbers."""
    import librosa  # noqa: PLC0415 - half a second and 250 MB that only this needs

    coefficients = librosa.feature.mfcc(y=samples, sr=RATE, n_mfcc=20)
    return np.concatenate([coefficients.mean(1), coefficients.std(1)])


def spectral(samples: NDArray[np.float32]) -> NDArray[Any]:
    """MFCC and their movement, sorted chroma, spectral contrast, onset strength: 100 numbers."""
    import librosa  # noqa: PLC0415

    magnitude = np.abs(librosa.stft(samples, n_fft=2048, hop_length=512))
    mel = librosa.power_to_db(librosa.feature.melspectrogram(S=magnitude**2, sr=RATE, n_mels=64))
    coefficients = librosa.feature.mfcc(S=mel, n_mfcc=20)
    movement = librosa.feature.delta(coefficients)
    chroma = librosa.feature.chroma_stft(S=magnitude**2, sr=RATE, tuning=0)
    contrast = librosa.feature.spectral_contrast(S=magnitude, sr=RATE)
    onsets = librosa.onset.onset_strength(S=mel, sr=RATE)
    timbre = [coefficients.mean(1), coefficients.std(1), movement.std(1)]
    harmony = [np.sort(chroma.mean(1)), chroma.std(1)]
    return np.concatenate([*timbre, *harmony, contrast.mean(1), contrast.std(1), [onsets.mean(), onsets.std()]])
