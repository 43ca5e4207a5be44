"""`python -m bench.learning.rate`: how many outcomes does one worker learn from in a second, in how much memory, and what is lost
when it is killed? On PostgreSQL.

Rows of requests that are over, of many tenants, one in ten with feedback, are put into the database at once; a worker learns
until nothing is left. With `--kill` it is killed (SIGKILL) again and again at random moments and started anew. At the end every
outcome and every word of feedback must have been counted exactly once. Exit code 1 where not.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.money.parts import Postgres
from bench.processes import KEPT, ROOT

WORKER = """
import django, resource
django.setup()
from learning.learn import learn
while learn():
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""
TYPES = ("code_generation", "reasoning", "summarization", "conversation")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.learning.rate", description=__doc__)
    parser.add_argument("--outcomes", type=int, default=20_000)
    parser.add_argument("--tenants", type=int, default=20)
    parser.add_argument("--kill", type=int, default=0, metavar="TIMES", help="kill the worker so many times")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="routeplex-rate-") as name:
        folder = Path(name)
        folder.chmod(0o711)
        postgres = Postgres(folder / "postgres")
        postgres.start()
        try:
            ok = _run(postgres.url, folder, asked)
        finally:
            postgres.stop()
    sys.exit(0 if ok else 1)


def _run(url: str, folder: Path, asked: argparse.Namespace) -> bool:
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env |= {"DJANGO_SETTINGS_MODULE": "gateway.settings", "DATABASE_URL": url, "VAR_DIR": str(folder), "PYTHONPATH": str(ROOT)}
    env |= {"LOG_LEVEL": "ERROR"}
    subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], env=env, cwd=ROOT, check=True)
    os.environ.update(env)
    import django

    django.setup()
    from bench.learning import outcomes

    said = outcomes.make(asked.outcomes, asked.tenants)
    print(f"{asked.outcomes:,} outcomes of {asked.tenants} tenants, {said:,} with feedback")
    _worked(env, kills=asked.kill)
    found = outcomes.counted()
    expected = (asked.outcomes, said, said)
    print("ok   " if found == expected else "WRONG", "outcomes, votes and rows of votes counted:", found, "of", expected)
    return found == expected


def _worked(env: dict[str, str], *, kills: int) -> None:
    draw, began = random.Random(7), time.monotonic()
    for _ in range(kills):
        worker = subprocess.Popen([sys.executable, "-c", WORKER], env=env, cwd=ROOT, stdout=subprocess.DEVNULL)
        time.sleep(1.5 + 2 * draw.random())
        worker.kill()
        worker.wait()
    done = subprocess.run([sys.executable, "-c", WORKER], env=env, cwd=ROOT, check=True, capture_output=True, text=True)
    took = time.monotonic() - began
    killed = f", killed {kills} times on the way" if kills else ""
    print(f"one worker was done in {took:.1f} s{killed}; its memory grew to {done.stdout.split()[-1]} MB")


if __name__ == "__main__":
    main()
