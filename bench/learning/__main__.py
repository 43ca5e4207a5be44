"""python -m bench.learning --yardstick DIR: regret, recovery after a degradation, and with sparse feedback, on our learner.

DIR is the yardstick's folder (its `harness/eval_online.py` and `data/`). Needs the locked packages of requirements/yardstick.txt.
`--other-tenants N` draws other tenants than those that judge: what constants may be chosen on.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from bench.learning.learner import Learner

FEEDBACK = (1.0, 0.2)  # share of requests whose outcome is known


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.learning", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--yardstick", type=Path, required=True)
    parser.add_argument("--other-tenants", type=int, metavar="SEED", help="draw them with this seed instead of the yardstick's")
    asked = parser.parse_args()
    os.chdir(asked.yardstick)
    sys.path.insert(0, str(asked.yardstick))
    from harness import eval_online

    if asked.other_tenants is not None:
        _draw_others(eval_online, asked.other_tenants)
    print("| pool | feedback on | regret @100 | @500 | @2,000 | after a change | recovery, median (p90) |")
    print("|---|---|---|---|---|---|---|")
    for share in FEEDBACK:
        found = eval_online.run({"ours": (Learner, {})}, eval_online.POOLS, n_ten=16, seeds=1, obs=share, quiet=True)
        for pool, results in found.items():
            r = results["ours"]
            regret = f"{r['r100']:.1f} | {r['r500']:.1f} | {r['r2000']:.1f} | {r['ns_post']:.1f}"
            print(f"| {pool} | {share:.0%} | {regret} | {r['recovery_median']:.0f} ({r['recovery_p90']:.0f}) |", flush=True)


def _draw_others(simulation: Any, seed: int) -> None:
    import numpy as np

    tenants = simulation.tenants
    simulation.tenants = lambda n, categories, models, rng, **more: tenants(
        n, categories, models, np.random.default_rng(seed), **more
    )


if __name__ == "__main__":
    main()
