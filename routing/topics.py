"""Which of the topics that outcomes were recorded in is a prompt about?

A linear table over its words and pairs of words (routing/linear.py) gives a share to each topic and to "elsewhere": a prompt
unlike those that were recorded is left to its families. So is one that the table is unsure about: topics that were never
recorded look like a little of each of their neighbours, and their neighbours' outcomes say less of them than their families'.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise

from msgspec import Struct

from routing.classify import Reading
from routing.cues import clip
from routing.linear import Table, outputs_of, softmax

ELSEWHERE = "elsewhere"  # the table's last output
CAUTION = 3  # the likeliest topic's share, to this power, is how far topics are trusted: by leaving topics out of train
_TOKEN = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")
_NUMBER = ("#1", "#2", "#3", "#4", "#5")  # by how many digits, five or more


class TopicReading(Struct, frozen=True, kw_only=True):
    """What is read off a prompt, with the shares of the topics: together at most 1, what is missing is elsewhere."""

    posterior: Mapping[str, float]
    complexity: float
    topics: tuple[float, ...]


def with_topics(reading: Reading, table: Table, text: str) -> TopicReading:
    return TopicReading(posterior=reading.posterior, complexity=reading.complexity, topics=topics_of(table, text))


def topics_of(table: Table, text: str) -> tuple[float, ...]:
    """The share of each topic, in the order of the table's outputs; without "elsewhere"."""
    likely = softmax(outputs_of(table, features_of(text)))[:-1]
    trust = max(likely) ** CAUTION
    return tuple([trust * share for share in likely])


def features_of(text: str) -> tuple[Sequence[str], Sequence[str]]:
    """Words and pairs of neighbours, each once; numbers by their length. Reads the head and the tail of a long text."""
    words = [word if not word.isdigit() else _NUMBER[min(len(word), 5) - 1] for word in _TOKEN.findall(clip(text).lower())]
    return list(dict.fromkeys(words)), list(dict.fromkeys([f"{one} {other}" for one, other in pairwise(words)]))
