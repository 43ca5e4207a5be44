"""The router that the yardstick asks: the shipped weights, and a served gateway asked by the published contract."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.routing import Router
from bench.routing.router import WEIGHTS
from bench.routing.served import Served
from routing.strategies import STRATEGIES
from routing.topics import topics_of

LARGEST = 1_500_000  # bytes
POOL = ["gpt-4o-2024-05-13", "gemini-1.5-pro", "gemini-1.5-flash", "llama-3.1-70b", "llama-3.1-8b"]
HARD = "Let $f(x)=x^3-3x+1$. Find the sum of the squares of the real roots of $f(f(x))=0$."
EASY = "Tom has 3 apples and buys 4 more. How many apples does he have?"

ROUTER = Router()
ROUTER.route(EASY, POOL)  # reads the weights


def test_the_weights_that_ship_are_small_and_name_what_they_were_fitted_on() -> None:
    assert WEIGHTS.stat().st_size < LARGEST
    weights = ROUTER.fitted.weights
    assert weights.version.startswith("fitted-")
    assert set(POOL) <= weights.arms.keys()
    assert {"zeroeval/crux/crux", "mmlu_pro/law", "paretobandit/mbpp"} <= set(weights.contexts)


@given(st.text(max_size=3000), st.sampled_from(sorted(STRATEGIES)))
def test_every_text_is_answered(text: str, strategy: str) -> None:
    answer = ROUTER.route(text, POOL, strategy)
    assert answer["model"] in POOL
    assert list(answer["scores"]) == list(answer["costs"]) == POOL
    assert all(0 < score < 1 for score in answer["scores"].values())
    assert all(cost > 0 for cost in answer["costs"].values())
    assert ROUTER.route(text, POOL, strategy) == answer


@given(st.text(max_size=1000))
def test_the_slider_never_moves_to_a_cheaper_model(text: str) -> None:
    told = [ROUTER.route(text, POOL, "auto", lam=slider / 2) for slider in range(21)]
    costs = [answer["costs"][answer["model"]] for answer in told]
    assert costs == sorted(costs)


def test_models_without_outcomes_are_answered_too() -> None:
    answer = ROUTER.route(HARD, ["a-new-model", "another-new-model"])
    assert answer["scores"]["a-new-model"] == answer["scores"]["another-new-model"]
    assert answer["costs"]["a-new-model"] > 0


def test_models_that_no_outcome_told_of_are_judged_all_the_same() -> None:
    answer = ROUTER.route(HARD, ["claude-2", "gpt-4o-2024-05-13"])
    assert answer["costs"]["claude-2"] > 0
    assert 0 < answer["scores"]["claude-2"] < 1


def test_an_easy_prompt_leaves_less_to_choose_than_a_hard_one() -> None:
    def gap(text: str) -> float:
        scores = ROUTER.route(text, POOL)["scores"].values()
        return max(scores) - min(scores)

    assert gap(EASY) < gap(HARD)


def test_strategies_do_what_they_promise() -> None:
    answer = {name: ROUTER.route(HARD, POOL, name) for name in ("quality", "cost")}
    best = max(answer["quality"]["scores"].values())
    assert answer["quality"]["scores"][answer["quality"]["model"]] > 0.9 * best
    cheap = answer["cost"]
    assert cheap["costs"][cheap["model"]] <= cheap["costs"][answer["quality"]["model"]]
    assert cheap["scores"][cheap["model"]] >= 0.95 * best


def test_a_prompt_unlike_those_recorded_is_left_to_its_families() -> None:
    table = ROUTER.fitted.table
    assert sum(topics_of(table, HARD)) > 0.8
    assert sum(topics_of(table, "Write me a lullaby for my little cat, with a moon and a boat in it.")) < 0.2


def test_classification_is_by_the_ten_families() -> None:
    assert ROUTER.classify(EASY)["category"] == "math"
    assert 0 <= ROUTER.classify(EASY)["complexity"] <= 1


# --- a served gateway


@pytest.fixture
def gateway() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Answers as POST /api/v1/route does; the requests it got."""
    seen: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            slider = self.headers["X-RoutePlex-Tradeoff"]
            seen.append({"path": self.path, "key": self.headers["Authorization"], "body": body, "slider": slider})
            answer = json.dumps(ANSWER).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *args: Any) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", seen
    server.shutdown()
    thread.join()
    server.server_close()


ANSWER = {
    "classification": {"query_type": "math", "family": "math", "posterior": {"math": 1.0}, "complexity": 0.4, "needs": {}},
    "candidates": [
        {"model": "b/large", "predicted_quality": 0.9, "predicted_cost_usd": 0.01},
        {"model": "a/small", "predicted_quality": 0.7, "predicted_cost_usd": 0.001},
    ],
    "excluded": [{"model": "c/gone", "reason": "no credential"}],
    "propensity": {"b/large": 0.5, "a/small": 0.5},
}


def test_a_served_gateway_is_asked_by_the_published_contract(gateway: tuple[str, list[dict[str, Any]]]) -> None:
    url, seen = gateway
    served = Served(url, "rp_test_key")
    answer = served.route("How much is 2 + 2?", ["a/small", "b/large", "c/gone"])
    assert answer == {
        "model": "b/large",
        "scores": {"a/small": 0.7, "b/large": 0.9, "c/gone": 0.0},
        "costs": {"a/small": 0.001, "b/large": 0.01, "c/gone": 0.0},
        "propensity": 0.5,
    }
    assert seen[0]["path"] == "/api/v1/route"
    assert seen[0]["key"] == "Bearer rp_test_key"
    assert seen[0]["body"] == {"model": "routeplex-ai", "messages": [{"role": "user", "content": "How much is 2 + 2?"}]}
    assert served.route("?", ["small", "large"], lam=3.0)["model"] == "large"
    assert [request["slider"] for request in seen] == [None, "3.0"]
    assert served.missing("?", ["small", "b/large", "gone"]) == ["gone"]
    assert served.classify("?")["category"] == "math"
