"""python -m bench.routing --data DIR: what the router reaches on outcomes that it has not seen. `fit`: learn them anew.

python -m bench.routing --data DIR                 hull gain of each pool, on the split public_test
python -m bench.routing --data DIR --left-out      also on subcategories left out of training (fits four times)
python -m bench.routing --data DIR --held-out      on a fifth of train that is held out: what may be tuned on
python -m bench.routing --data DIR --curve FILE    also the curve of cost and quality: a table, and FILE as SVG
python -m bench.routing --data DIR --url URL --key KEY    a served gateway, asked by POST /api/v1/route
python -m bench.routing catalog --data DIR --out FILE     the outcomes' models as PROVIDERS_FILE for that gateway
python -m bench.routing fit --data DIR             writes bench/routing/weights.bin

± is one standard error of the hull gain; times are CPU time in this process, classification included.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from bench.routing.catalog import catalog
from bench.routing.curve import curve, picture, settings, table
from bench.routing.data import LEFT_OUT, MOST, POOLS, Rows, learned, load, pool
from bench.routing.elsewhere import elsewhere
from bench.routing.router import WEIGHTS, Router
from bench.routing.served import Served
from bench.routing.yardstick import HEADER, ask, line
from routing import fitted
from routing.training.outcomes import fit


def main() -> None:
    asked = _arguments()
    if asked.command == "fit":
        found, weights = fit(learned(load(asked.data, "train")), elsewhere())
        fitted.write(asked.out, found, weights)
        print(f"{asked.out}: {asked.out.stat().st_size // 1024} KiB, {found.weights.version}", file=sys.stderr)
        return
    if asked.command == "catalog":
        models = sorted({model for _, models in POOLS.values() for model in models})
        asked.out.write_text(catalog(load(asked.data, "train"), models), "utf-8")
        return
    _judge(asked)


def _judge(asked: argparse.Namespace) -> None:
    print(HEADER)
    if asked.held_out:
        train = load(asked.data, "train")
        router, rows = _fitted(_part(train, held_out=False)), _part(train, held_out=True)
    else:
        router, rows = (Served(asked.url, asked.key) if asked.url else Router(asked.weights)), load(asked.data, "public_test")
    curves, told = {}, []
    for name, (_, models) in POOLS.items():
        some, quality, cost = pool(rows, name, None if asked.held_out else MOST)
        if isinstance(router, Served) and (missing := router.missing(some.texts[0], models)):
            print(f"{name:18} not judged: the gateway does not serve {', '.join(missing)}")
            continue
        result = ask(router, some, quality, cost, models)
        curves[name] = curve(result.curve, models, quality, cost)
        if asked.curve:
            told.append(settings(name, router, some, models, quality, cost))
        print(line(name, result), flush=True)
    if asked.curve:
        print(*(table(name, found) for name, found in curves.items()), *told, sep="\n")
        asked.curve.write_text(picture(curves), "utf-8")
    if asked.left_out:
        _leave_out(asked.data)


def _leave_out(folder: Path) -> None:
    """Each subcategory, by weights that were fitted without it. All its rows of train: none of them was learned."""
    train = load(folder, "train")
    for subcategory, name in LEFT_OUT.items():
        router = _fitted(train.taken([r for r, sub in enumerate(train.subcategories) if sub != subcategory]))
        rows, quality, cost = pool(train.taken([r for r, sub in enumerate(train.subcategories) if sub == subcategory]), name)
        print(line(f"without {subcategory}", ask(router, rows, quality, cost, POOLS[name][1])), flush=True)


def _fitted(rows: Rows) -> Router:
    """As it would be served: through the file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / WEIGHTS.name
        fitted.write(path, *fit(learned(rows), elsewhere()))
        return Router(fitted.read(path))


def _part(rows: Rows, *, held_out: bool) -> Rows:
    """A fifth of the prompts, by the hash of their text; or the others."""
    fifth = [int(hashlib.sha256(f"x{text}".encode()).hexdigest()[:8], 16) % 5 == 0 for text in rows.texts]
    return rows.taken([r for r, left in enumerate(fifth) if left == held_out])


def _arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.routing", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("command", nargs="?", choices=("judge", "fit", "catalog"), default="judge")
    parser.add_argument("--data", type=Path, required=True, help="where prompts.parquet and outcomes.parquet are")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--curve", type=Path, help="where to write the picture")
    parser.add_argument("--left-out", action="store_true")
    parser.add_argument("--held-out", action="store_true")
    parser.add_argument("--url", help="of a running gateway")
    parser.add_argument("--key", default="", help="an API key of it")
    return parser.parse_args(words)


if __name__ == "__main__":
    main()
