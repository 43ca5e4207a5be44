"""How does OpenAI's tokenizer split a text? Its o200k_base vocabulary, packed so that a process can afford it, and byte-pair
merging over it, in plain Python: a text's tokens are counted, not listed.

The vocabulary is OpenAI's (tiktoken, MIT licence); `python -m bench.tokens --pack` makes the file from the bpe-openai package,
which is also what the tests compare with.
"""

from __future__ import annotations

import heapq
import lzma
import re
import sys
import unicodedata
from array import array
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import chain, groupby
from pathlib import Path

import msgspec
from msgspec import Struct

FILE = Path(__file__).with_name("o200k.bin")
MOST_CHARACTERS = 200_000  # of a text are counted: of a longer one, windows that are spread over it
WINDOWS = 20
HARD_BYTES = 16_384  # of words that are no token: beyond that, the rest of them is as long as these were
LONGEST = 128  # bytes of a token, and of a word that is remembered
REMEMBERED = 20_000  # words
SCRIPTS = 0x323B0  # behind the last character of a script


class Counted(Struct, frozen=True):
    tokens: int
    exact: bool  # else extrapolated


class Vocabulary:
    """Tokens by their length in bytes: sorted, one behind the other, with their ranks beside them."""

    def __init__(self, packed: Mapping[int, tuple[bytes, bytes]]) -> None:
        self._by_length: dict[int, tuple[bytes, array[int]]] = {}
        for length, (tokens, ranks) in packed.items():
            self._by_length[length] = tokens, (numbers := array("I"))
            numbers.frombytes(ranks)
            if sys.byteorder == "big":
                numbers.byteswap()

    def rank(self, token: bytes) -> int | None:
        length = len(token)
        if (found := self._by_length.get(length)) is None:
            return None
        tokens, ranks = found
        place = bisect_left(range(len(ranks)), token, key=lambda n: tokens[n * length : (n + 1) * length])
        there = place < len(ranks) and tokens[place * length : (place + 1) * length] == token
        return ranks[place] if there else None


def pack(ranks: Mapping[bytes, int]) -> bytes:
    """Of every token."""
    ordered = groupby(sorted(ranks, key=lambda token: (len(token), token)), key=len)
    packed = {length: (b"".join(several := list(tokens)), _uint32([ranks[t] for t in several])) for length, tokens in ordered}
    return lzma.compress(msgspec.msgpack.encode(packed), preset=9 | lzma.PRESET_EXTREME)


def _uint32(numbers: list[int]) -> bytes:
    return b"".join(number.to_bytes(4, "little") for number in numbers)


@cache
def vocabulary() -> Vocabulary:
    """Read when first needed: it takes a few megabytes."""
    return Vocabulary(msgspec.msgpack.decode(lzma.decompress(FILE.read_bytes()), type=dict[int, tuple[bytes, bytes]]))


# --- counting


def count(texts: Sequence[str]) -> Counted:
    """Of all together; no token reaches from one into the next."""
    length = sum(map(len, texts))
    if length <= MOST_CHARACTERS:
        return _count(texts)
    text, size, step = "".join(texts), MOST_CHARACTERS // WINDOWS, length // WINDOWS
    sampled = [text[n * step : n * step + size] for n in range(WINDOWS)]
    return Counted(round(_count(sampled).tokens * length / MOST_CHARACTERS), exact=False)


_remembered: dict[bytes, int] = {}


def _count(texts: Sequence[str]) -> Counted:
    tokens = hard_bytes = hard_tokens = left_bytes = 0
    rank = vocabulary().rank
    for match in chain.from_iterable(map(_words().finditer, texts)):
        word = match[0].encode("utf-8", "replace")
        if (known := _remembered.get(word)) is not None:
            tokens += known
        elif rank(word) is not None:
            tokens += _remember(word, 1)
        else:
            whole = word[: max(0, HARD_BYTES - hard_bytes)]
            made = merged(whole, rank)
            tokens += _remember(word, made) if len(whole) == len(word) else made
            hard_bytes, hard_tokens, left_bytes = hard_bytes + len(whole), hard_tokens + made, left_bytes + len(word) - len(whole)
    rest = round(left_bytes * hard_tokens / hard_bytes) if left_bytes else 0
    return Counted(tokens + rest, exact=not left_bytes)


def _remember(word: bytes, tokens: int) -> int:
    if len(_remembered) >= REMEMBERED:
        _remembered.clear()
    if len(word) <= LONGEST:
        _remembered[word] = tokens
    return tokens


def merged(word: bytes, rank: Callable[[bytes], int | None]) -> int:
    """How many tokens are left once the neighbours of the lowest rank have been joined, again and again."""
    size = left = len(word)
    ends = list(range(1, size + 1))  # of the part that begins here; 0: it was joined to the one before
    before = list(range(-1, size - 1))  # where the part before this one begins
    waiting: list[tuple[int, int, int]] = []

    def offer(start: int) -> None:
        middle = ends[start]
        if middle < size and (found := rank(word[start : ends[middle]])) is not None:
            heapq.heappush(waiting, (found, start, ends[middle]))

    for start in range(size):
        offer(start)
    while waiting:
        _, start, stop = heapq.heappop(waiting)
        middle = ends[start]
        if not 0 < middle < size or ends[middle] != stop:
            continue  # one of the two is not what it was
        ends[start], ends[middle] = stop, 0
        left -= 1
        if stop < size:
            before[stop] = start
            offer(start)
        if before[start] >= 0:
            offer(before[start])
    return left


# --- words, as OpenAI's pattern has them


@cache
def _words() -> re.Pattern[str]:
    upper, lower = _classes("Lu", "Lt", "Lm", "Lo", "M"), _classes("Ll", "Lm", "Lo", "M")
    letters, numbers = _classes("L"), _classes("N")
    ending = r"(?:'(?i:s|t|re|ve|m|ll|d))?"
    lead = rf"[^\r\n{letters}{numbers}]?"
    return re.compile(
        rf"{lead}[{upper}]*[{lower}]+{ending}|{lead}[{upper}]+[{lower}]*{ending}|[{numbers}]{{1,3}}"
        rf"| ?[^\s{letters}{numbers}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
    )


@cache
def _classes(*categories: str) -> str:
    """Of a pattern's brackets: the characters of these Unicode categories."""
    inside = [unicodedata.category(chr(code)).startswith(categories) for code in range(SCRIPTS)]
    found, start = [], None
    for code, there in enumerate([*inside, False]):
        if there and start is None:
            start = code
        elif not there and start is not None:
            found.append(f"\\U{start:08x}-\\U{code - 1:08x}")
            start = None
    return "".join(found)
