"""How near is our count of tokens to OpenAI's own tokenizer, and how long does it take? Over any files of text.

python -m bench.tokens FILE…            each file, split into pieces of 8,000 characters, against the bpe-openai package
python -m bench.tokens --pack           makes routing/o200k.bin anew from that package
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import bpe_openai

from routing.vocabulary import FILE, count, pack

PIECE = 8_000  # characters


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.tokens", description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--pack", action="store_true", help="write the vocabulary's file")
    asked = parser.parse_args()
    judge = bpe_openai.get_encoding("o200k_base")
    if asked.pack:
        special = judge.special_tokens_set
        ranks = {
            token: n
            for n, token in enumerate(judge.token_byte_values())
            if token and token.decode("utf-8", "replace") not in special
        }
        FILE.write_bytes(pack(ranks))
        print(f"{FILE.name}: {len(ranks)} tokens, {FILE.stat().st_size} bytes")
    for file in asked.files:
        print(_row(file, judge))


def _row(file: Path, judge: bpe_openai.Encoding) -> str:
    errors, ours, theirs, took_s = [], 0, 0, 0.0
    for piece in _pieces(file.read_text("utf-8", "replace")):
        begun = time.perf_counter()
        counted = count([piece]).tokens
        took_s += time.perf_counter() - begun
        real = len(judge.encode_ordinary(piece))
        errors.append(abs(counted - real) / real)
        ours, theirs = ours + counted, theirs + real
    told = f"{theirs:9} tokens, counted {ours:9}; of a piece, off by {statistics.mean(errors):.2%}, at most {max(errors):.2%}"
    return f"{file.name[:40]:40} {told}; {took_s / theirs * 1e6:.1f} µs each"


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), PIECE):
        if piece := text[start : start + PIECE].strip():
            yield piece


if __name__ == "__main__":
    main()
