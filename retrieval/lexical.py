"""BM25 as an inner product: a chunk holds its saturated term frequencies, a query its terms' rarity.

Formula: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009.
"""

import math
import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import lru_cache

import snowballstemmer

from retrieval.stop_words import STOP_WORDS

DIMENSIONS = 1_000_000_000
"""Of the sparse vectors, the most pgvector allows. A term is a hash below it: two that clash are one term."""

K1 = 0.9
B = 0.4
# In terms. Chunks are cut to one size, so a constant serves, and no write changes another chunk's weights.
_MEAN_LENGTH = 100
_MAX_TERMS = 4_000
_MAX_QUERY_TERMS = 64

_WORD = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")


def chunk_weights(text: str) -> dict[int, float]:
    """Term to BM25's saturated, length-normalised frequency (0 to K1 + 1), without rarity."""
    words = _words(text)
    language = _language(words)
    frequencies = Counter(_term(language, word) for word in words if word not in STOP_WORDS[language])
    length = frequencies.total()
    norm = K1 * (1 - B + B * length / _MEAN_LENGTH)
    common = frequencies.most_common(_MAX_TERMS)
    return {term: frequency * (K1 + 1) / (frequency + norm) for term, frequency in common}


def query_terms(text: str) -> frozenset[int]:
    """What a chunk in any language we stem would hold for these words: a question is too short to guess."""
    return frozenset().union(*word_terms(text))


def word_terms(text: str) -> list[frozenset[int]]:
    """For each word that carries meaning, in reading order, its term in every language we stem."""
    words = _words(text)
    stop_words = STOP_WORDS[_language(words)]
    return [frozenset(_term(language, word) for language in STOP_WORDS) for word in words if word not in stop_words]


def query_weights(occurrences: Mapping[int, int], chunks: int) -> dict[int, float]:
    """The rarest terms with their inverse document frequency.

    occurrences: in how many of the tenant's `chunks` each term occurs.
    """
    rarest = sorted(occurrences, key=lambda term: (occurrences[term], term))[:_MAX_QUERY_TERMS]
    return {term: math.log(1 + (chunks - occurrences[term] + 0.5) / (occurrences[term] + 0.5)) for term in rarest}


def _words(text: str) -> list[str]:
    """Lower-case words in reading order; scripts written without spaces give pairs of characters."""
    found: list[str] = []
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).lower()):
        found.extend(_pairs(word) if _UNSPACED.fullmatch(word) else (word,))
    return found


def _pairs(word: str) -> Iterable[str]:
    return (word[i : i + 2] for i in range(max(1, len(word) - 1)))


def _language(words: Iterable[str]) -> str:
    """Whose function words are most frequent; English if none is."""
    counts = Counter(words)
    return max(STOP_WORDS, key=lambda language: sum(counts[word] for word in STOP_WORDS[language]))


@lru_cache(maxsize=100_000)
def _term(language: str, word: str) -> int:
    # A stemmer keeps its word in itself, so threads cannot share one.
    stem: str = snowballstemmer.stemmer(language).stemWord(word)
    return zlib.crc32(stem.encode("utf-8", "replace")) % DIMENSIONS
