"""Made-up chunks that behave like real ones: vectors cluster by topic, words follow Zipf's law and the topic."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from retrieval.chunks import NewChunk
from retrieval.stop_words import STOP_WORDS

DIMENSIONS = 384
TOPICS = 300
WORDS = 20_000
# English prose: about four words in ten carry no meaning, and 90 words fill a chunk.
CONTENT_WORDS, FUNCTION_WORDS = 55, 35
TOPIC_SHARE = 0.3
# Real embeddings vary in far fewer directions than they have dimensions.
LATENT_DIMENSIONS = 64

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Query:
    embedding: list[float]
    text: str


@dataclass(frozen=True, slots=True)
class Texts:
    """Chunks of one document and a unit vector for each, shape (chunks, 384)."""

    chunks: list[NewChunk]
    embeddings: Vectors


class Corpus:
    """The same seed makes the same texts, vectors and queries."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)
        self._vocabulary = _vocabulary(self._random)
        self._function_words = np.array(sorted(STOP_WORDS["english"]))
        self._directions = self._random.standard_normal((LATENT_DIMENSIONS, DIMENSIONS)).astype(np.float32)
        self._centres = self._random.standard_normal((TOPICS, LATENT_DIMENSIONS)).astype(np.float32)
        self._topic_words = self._random.integers(100, WORDS, (TOPICS, 80))

    def document(self, size: int) -> Texts:
        topics = self._random.integers(0, TOPICS, size)
        texts = self._texts(topics)
        return Texts(_chunks(texts), self._vectors(self._centres[topics]))

    def queries(self, texts: Texts, count: int) -> list[Query]:
        """Questions that some chunk is about: four of its words, and a vector close to its own."""
        asked = self._random.integers(0, len(texts.chunks), count)
        noise = self._unit(self._random.standard_normal((count, LATENT_DIMENSIONS)).astype(np.float32))
        vectors = _normalised(texts.embeddings[asked] + 0.7 * noise)
        return [
            Query(vector.tolist(), self._question(texts.chunks[index].text))
            for index, vector in zip(asked, vectors, strict=True)
        ]

    def _question(self, text: str) -> str:
        content = [word for word in text.split() if word not in STOP_WORDS["english"]]
        return "what is the " + " ".join(self._random.choice(content, 4, replace=False))

    def _texts(self, topics: NDArray[np.int64]) -> list[str]:
        size = len(topics)
        words = self._zipf((size, CONTENT_WORDS), WORDS)
        own = self._topic_words[topics[:, None], self._zipf((size, CONTENT_WORDS), 80)]
        words = np.where(self._random.random(words.shape) < TOPIC_SHARE, own, words)
        function_words = self._zipf((size, FUNCTION_WORDS), len(self._function_words))
        mixed = np.concatenate([self._vocabulary[words], self._function_words[function_words]], axis=1)
        mixed = mixed[:, self._random.permutation(mixed.shape[1])]
        return [" ".join(row) for row in mixed.tolist()]

    def _vectors(self, centres: Vectors) -> Vectors:
        latent = centres + self._random.standard_normal(centres.shape).astype(np.float32)
        blur = 0.3 * _normalised(self._random.standard_normal((len(latent), DIMENSIONS)).astype(np.float32))
        return _normalised(self._unit(latent) + blur)

    def _unit(self, latent: Vectors) -> Vectors:
        return _normalised(latent @ self._directions)

    def _zipf(self, shape: tuple[int, int], ranks: int) -> NDArray[np.int64]:
        """Ranks from 0, each as likely as 1 / (rank + 1)."""
        cumulated = np.cumsum(1 / np.arange(1, ranks + 1))
        return np.searchsorted(cumulated / cumulated[-1], self._random.random(shape))


def _vocabulary(random: np.random.Generator) -> NDArray[np.str_]:
    syllables = np.array([consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"])
    drawn = syllables[random.integers(0, len(syllables), (WORDS, 4))]
    lengths = random.integers(2, 5, WORDS)
    return np.array(["".join(row[:length]) for row, length in zip(drawn, lengths, strict=True)])


def _normalised(vectors: Vectors) -> Vectors:
    unit: Vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def _chunks(texts: Sequence[str]) -> list[NewChunk]:
    starts = accumulate((len(text) + 1 for text in texts), initial=0)
    return [
        NewChunk(ordinal, text, (), None, None, start, start + len(text))
        for ordinal, (text, start) in enumerate(zip(texts, starts, strict=False))
    ]
