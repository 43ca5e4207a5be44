"""The published curve: what the router reaches at each cost, beside the single models. As a table, and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log

import numpy as np
from msgspec import Struct

from bench.routing.data import Rows
from bench.routing.hull import Array, Point, hull
from bench.routing.yardstick import Answers, chosen

WIDTH, HEIGHT, LEFT, BELOW = 300, 220, 40, 30
SHARES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0)  # of the best single model's cost
SETTINGS = (("quality", None), ("balanced", None), ("cost", None), *(("auto", float(at)) for at in (0, 2, 4, 5, 6, 8, 10)))
STYLE = "text{font:11px sans-serif;fill:#555}path{fill:none;stroke:#06c;stroke-width:2}circle{fill:#c60}rect{fill:#fff}"


class Curve(Struct, frozen=True, kw_only=True):
    """Mean cost in USD and mean quality: of the router at all trade-offs, and of each model by itself."""

    router: Sequence[Point]
    single: Mapping[str, Point]


def curve(router: Sequence[Point], models: Sequence[str], quality: Array, cost: Array) -> Curve:
    means = zip(cost.mean(axis=0).tolist(), quality.mean(axis=0).tolist(), strict=True)
    return Curve(router=router, single=dict(zip(models, means, strict=True)))


def table(name: str, found: Curve) -> str:
    """A row: quality at shares of the best single model's cost, then of the hull of the single models at the same cost."""
    dearest, best = max(found.single.values(), key=lambda point: (point[1], -point[0]))
    rows = [("router", hull(found.router)), ("single models", hull(list(found.single.values())))]
    told = [f"| {name}: {who} | {' | '.join(_at(points, share * dearest) for share in SHARES)} |" for who, points in rows]
    return "\n".join([*told, f"| {name}: best single | {' | ' * (len(SHARES) - 1)}{best:.3f} |"])


def _at(points: Sequence[Point], cost: float) -> str:
    costs, qualities = zip(*points, strict=True)
    return f"{np.interp(cost, costs, qualities):.3f}" if cost >= costs[0] else "–"


def settings(name: str, router: Answers, rows: Rows, models: Sequence[str], quality: Array, cost: Array) -> str:
    """A row: quality, and cost as a share of the best single model's, of each strategy and of the slider's whole numbers."""
    each, best = np.arange(len(quality)), int(quality.mean(axis=0).argmax())
    told = []
    for strategy, slider in SETTINGS:
        given = chosen(router, rows, models, strategy, slider)
        told.append(f"{quality[each, given].mean():.3f} at {cost[each, given].mean() / cost[:, best].mean():.3f}")
    return f"| {name} | {' | '.join(told)} |"


def picture(curves: Mapping[str, Curve]) -> str:
    """SVG: cost on a logarithmic scale, a panel for each pool."""
    panels = "".join(_panel(name, found, at) for at, (name, found) in enumerate(curves.items()))
    whole = f'viewBox="0 0 {len(curves) * (WIDTH + LEFT)} {HEIGHT + 2 * BELOW}"'
    ground = '<rect width="100%" height="100%"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {whole}><style>{STYLE}</style>{ground}{panels}</svg>\n'


def _panel(name: str, found: Curve, at: int) -> str:
    points = [*found.router, *found.single.values()]
    left, right = (log(edge(cost for cost, _ in points)) for edge in (min, max))
    low, high = (edge(quality for _, quality in points) for edge in (min, max))

    def place(point: Point) -> tuple[float, float]:
        return (log(point[0]) - left) / (right - left) * (WIDTH - 20), HEIGHT * (1 - (point[1] - low) / (high - low))

    line = " L".join("{:.1f} {:.1f}".format(*place(point)) for point in hull(found.router))
    dots = "".join(
        '<circle cx="{:.1f}" cy="{:.1f}" r="3"><title>{}</title></circle>'.format(*place(point), model)
        for model, point in found.single.items()
    )
    scale = "".join(f'<text x="{-LEFT + 6}" y="{place((1, q))[1] + 4:.0f}">{q:.2f}</text>' for q in (low, high))
    ends = ((0, f"${np.exp(left) * 1000:.2g}"), (WIDTH - 110, f"${np.exp(right) * 1000:.3g} per 1,000"))
    prices = "".join(f'<text x="{x}" y="{HEIGHT + 18}">{words}</text>' for x, words in ends)
    title = f'<text y="-8">{name}</text>'
    return f'<g transform="translate({at * (WIDTH + LEFT) + LEFT} {BELOW})">{title}{scale}{prices}<path d="M{line}"/>{dots}</g>'
