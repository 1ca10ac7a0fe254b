"""Answering without a language model: quote the statements that are closest to the question.

The weights and the threshold were chosen on CLAPnq (300 answerable, 300 unanswerable questions) and XQuAD.
"""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from langchain_core.embeddings import Embeddings

from core.llm.prompts import NOT_IN_DOCUMENTS, Source, without_markers
from core.llm.statements import Statement, statements
from core.llm.terms import terms

MAX_QUOTES = 3
EMBEDDED = 8  # statements per question, at 2 to 5 ms each; more gain nothing measurable
EMBEDDED_CHARACTERS = 400  # of each; what is longer costs more and says the same
COSINE, COVERAGE, NEARBY = 0.6, 0.4, 0.1  # weights of a score
ENOUGH = 0.46  # the lowest score that answers
OUTDONE = 0.25  # how much less of the question a quote may say than another that says the same and more
RUNNER_UP = 0.12  # how far behind the best a further quote may be


@dataclass(frozen=True)
class _Candidate:
    """position: its rank in reading order over all sources.

    coverage, nearby: shares (0 to 1) of the question's terms, weighted by how rare they are here.
    """

    position: int
    source: Source
    statement: Statement
    terms: frozenset[str]
    coverage: float
    nearby: float


def answer(question: str, sources: Sequence[Source], embeddings: Embeddings) -> str:
    """At most three statements in the documents' own words, each with its ` [n]`, or NOT_IN_DOCUMENTS."""
    candidates = _closest_by_words(_candidates(question, sources))
    if not candidates:
        return NOT_IN_DOCUMENTS
    scores = _scores(question, candidates, embeddings)
    order = sorted(range(len(candidates)), key=lambda i: -scores[i])
    enough = max(ENOUGH, scores[order[0]] - RUNNER_UP)
    asked = frozenset(terms(question))
    near = [candidates[i] for i in order if scores[i] >= enough]
    quotes = _distinct([each for each in near if not any(_outdoes(other, each, asked) for other in near)])
    if not quotes:
        return NOT_IN_DOCUMENTS
    return " ".join(f"{quote.statement.text} [{quote.source.number}]" for quote in _in_reading_order(quotes))


def _candidates(question: str, sources: Sequence[Source]) -> list[_Candidate]:
    """Every statement of every source, in the sources' order."""
    found = [(source, each) for source in sources for each in statements(without_markers(source.text))]
    own = [frozenset(terms(f"{statement.lead_in} {statement.text}")) for _, statement in found]
    weights = _rarity(frozenset(terms(question)), own)
    candidates = []
    for i, (source, statement) in enumerate(found):
        around = set(terms(f"{source.title} {statement.heading}"))
        for j in (i - 1, i + 1):
            if 0 <= j < len(found) and found[j][0] is source:
                around |= own[j]
        coverage = sum(weights[term] for term in weights if term in own[i])
        nearby = sum(weights[term] for term in weights if term in around - own[i])
        candidates.append(_Candidate(i, source, statement, own[i], coverage, nearby))
    return candidates


def _rarity(asked: frozenset[str], own: Sequence[frozenset[str]]) -> dict[str, float]:
    """BM25's inverse document frequency of each asked term over the statements at hand, summing to 1."""
    frequency = Counter(term for each in own for term in each & asked)
    idf = {term: math.log(1 + (len(own) + 0.5) / (frequency[term] + 0.5)) for term in sorted(asked)}
    total = sum(idf.values())
    return {term: weight / total for term, weight in idf.items()}


def _closest_by_words(candidates: list[_Candidate]) -> list[_Candidate]:
    """The few worth embedding; where words do not tell, the retriever's order does."""
    return sorted(candidates, key=lambda each: -(each.coverage + 0.3 * each.nearby))[:EMBEDDED]


def _scores(question: str, candidates: Sequence[_Candidate], embeddings: Embeddings) -> list[float]:
    asked = np.asarray(embeddings.embed_query(question))
    texts = [f"{each.statement.lead_in} {each.statement.text}".strip() for each in candidates]
    vectors = np.asarray(embeddings.embed_documents([text[:EMBEDDED_CHARACTERS] for text in texts]))
    lengths = np.linalg.norm(vectors, axis=1) * np.linalg.norm(asked)
    cosines = vectors @ asked / np.maximum(lengths, 1e-12)
    return [
        COSINE * float(cosine) + COVERAGE * each.coverage + NEARBY * each.nearby
        for cosine, each in zip(cosines, candidates, strict=True)
    ]


def _outdoes(one: _Candidate, other: _Candidate, asked: frozenset[str]) -> bool:
    """Says all of the question that `other` says, and clearly more: the row of London, not that of Zurich."""
    return other.terms & asked < one.terms & asked and one.coverage - other.coverage >= OUTDONE


def _distinct(ranked: Sequence[_Candidate]) -> list[_Candidate]:
    """The first few, without those that repeat a better one, as overlapping chunks do."""
    kept: list[_Candidate] = []
    for each in ranked:
        repeats = any(each.terms <= other.terms or other.terms <= each.terms for other in kept)
        if len(kept) < MAX_QUOTES and not repeats:
            kept.append(each)
    return kept


def _in_reading_order(quotes: Sequence[_Candidate]) -> list[_Candidate]:
    """The best quote's source first; inside a source as the document has it."""
    best_first = [quote.source.number for quote in quotes]
    return sorted(quotes, key=lambda quote: (best_first.index(quote.source.number), quote.position))
