"""Words as the offline model compares them: stemmed, without stop words."""

import re
from functools import lru_cache

import snowballstemmer

_WORD = re.compile(r"\w+(?:['’]\w+)?")
_WORD_OR_BREAK = re.compile(r"\w[\w'’-]*|[^\w\s]")
_POSSESSIVE = re.compile(r"['’]s$")
_ENGLISH = """
a about after again all also am an and any are as at be because been before being between both but
by can could describe did do does doing during each explain few for from further give had has have
having he her here hers him his how i if in into is it its just know list many may me more most much
must my no nor not of off often on only or other our ours out over own please same shall she should
show so some such tell than that the their theirs them then there these they this those through to
too under until up very want was we were what when where which while who whom whose why will with
would you your yours
"""
_QUESTION_WORDS_ELSEWHERE = """
der das ein eine einen einem einer ist sind und oder wie wer wo wann welche welcher welches für mit
von zu
el los las un una como que qué quien quién donde dónde cuando cuándo cuál cual de del en por para
"""
_STOP_WORDS = frozenset((_ENGLISH + _QUESTION_WORDS_ELSEWHERE).split())


def words(text: str) -> list[str]:
    """In lower case and reading order, stop words included, the English possessive cut off."""
    return [_POSSESSIVE.sub("", word) for word in _WORD.findall(text.lower())]


def terms(text: str) -> list[str]:
    """Stems of the words that carry meaning, in reading order, repeated as in `text`."""
    return [_stem(word) for word in words(text) if word not in _STOP_WORDS]


def content_words(text: str) -> list[list[str]]:
    """Runs of words as written, broken by stop words and punctuation: "the cost of a US visa" has two."""
    runs: list[list[str]] = [[]]
    for word in _WORD_OR_BREAK.findall(text):
        bare = _POSSESSIVE.sub("", word)
        if bare.lower() in _STOP_WORDS or not bare[0].isalnum():
            runs.append([])
        else:
            runs[-1].append(bare)
    return [run for run in runs if run]


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    stemmer = snowballstemmer.stemmer("english")  # not shared: it keeps the word it works on in itself
    stem: str = stemmer.stemWord(word)
    return stem
