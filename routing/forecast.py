"""What is to be expected of each model for this request: quality, the answer's length, its cost, its time.

Quality and length come from what is believed of the models (routing/quality.py, routing/lengths.py) and from what the
tenant's own outcomes have taught beside it (routing/learned.py), prices from the catalogue, times from what was measured lately,
or from the catalogue's prior where nothing was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from routing.learned import Known, Learned
from routing.lengths import Expected, expected, output_tokens
from routing.prices import rates_for
from routing.quality import Weights, predict_all
from routing.types import Classification, Forecast, Latency, Model, Question

UNKNOWN: Latency = (None, None)
_NOTHING: Mapping[str, Known] = {}


def forecasts(
    models: Sequence[Model],
    question: Question,
    classification: Classification,
    weights: Weights,
    latencies: Mapping[str, Latency],
    learned: Learned | None = None,
) -> list[Forecast]:
    """One for each model, in their order."""
    own = learned.of(classification.query_type) if learned is not None else _NOTHING
    input_tokens, limit, effort = classification.input_tokens, classification.max_output_tokens, question.reasoning_effort
    prompt = expected(classification.posterior, classification.complexity, input_tokens)
    found = []
    for model, quality in zip(models, predict_all(weights, [model.id for model in models], classification), strict=True):
        tokens = output_tokens(prompt, model, limit, effort)
        if (known := own.get(model.id)) is not None:
            quality = known.applied(quality)
            tokens = min(int(tokens * known.length) or 1, limit or model.max_output_tokens)
        cost = _cost(model, question, input_tokens, tokens)
        ms = _ms(model, prompt, tokens, latencies.get(model.id, UNKNOWN))
        # what is kept of every request is kept short; `round` would take as long as all the rest
        found.append(Forecast(int(quality.mean * 1e5) / 1e5, int(quality.error * 1e5) / 1e5, tokens, cost, ms))
    return found


def _cost(model: Model, question: Question, input_tokens: int, output_tokens: int) -> int:
    """Pico-dollars. What the provider has in its cache is dear to leave: the incumbent's input costs the cached price."""
    rates = rates_for(model, on=question.today, input_tokens=input_tokens)
    incumbent = question.incumbent
    if incumbent is not None and incumbent.model == model.id and rates.cached_input is not None:
        cached = min(incumbent.cached_tokens, input_tokens)
        return (input_tokens - cached) * rates.input + cached * rates.cached_input + output_tokens * rates.output
    return input_tokens * rates.input + output_tokens * rates.output


def _ms(model: Model, prompt: Expected, tokens: int, latency: Latency) -> int:
    """Milliseconds to the end of the answer. The catalogue's time to the first token has thinking in it; what was measured
    for each token counts thought ones too."""
    ttft_ms, ms_per_token = latency
    first = model.ttft_ms if ttft_ms is None else ttft_ms
    if ms_per_token is not None:
        return int(first + tokens * ms_per_token)
    return int(first + min(tokens, prompt.answer) * 1000 / model.output_tokens_per_s)
