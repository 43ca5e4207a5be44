"""What do recorded outcomes teach? From prompts, models, qualities, tokens and costs to what routing/fitted.py serves.

    topics      a table that tells apart what the outcomes were recorded in, and "elsewhere"
    abilities   of each model in each context, by the share that each prompt has in it, drawn to what the model's other
                topics of the same families, then all its others, and the topic's other models suggest
    spending    prices, and output tokens by context, likewise

The shares that abilities are counted by come from tables that had not seen the prompt: those of a table that had are too sure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray
from scipy.optimize import minimize

from routing.classify import classify_text
from routing.fitted import Fitted, Spending
from routing.quality import FAMILIES, Weights, arm, shares
from routing.topics import ELSEWHERE, TopicReading
from routing.training.fit import Array
from routing.training.topics import Lists, TopicModel, learn, lists_of, posteriors, table_of, take

DRAWN = 60.0  # outcomes that the mean over all is worth, where a family's difficulty and an ability's error are asked
# What holds effects back, as the inverse of the variance expected of them in log odds. The last two: by cross-validation within
# train, on prompts of known and of left-out topics (docs/routing-yardstick.md).
EVIDENCE, IN_FAMILY, IN_TOPIC = 1.0, 5.0, 20.0
EFFECT_STEPS = 300
MOST_ABILITY = 5.3  # log odds of 0.995
DRAWN_TOKENS = 5.0
FOLDS = 3
UNKNOWN_ERROR = 1.0  # log odds


class Outcomes(Struct, frozen=True, kw_only=True):
    """Prompts by models; NaN where a model was not asked. `topics`: a name for each prompt. Costs in USD."""

    texts: Sequence[str]
    topics: Sequence[str]
    models: Sequence[str]
    quality: Array
    input_tokens: Array
    output_tokens: Array
    cost: Array


def fit(outcomes: Outcomes, elsewhere: Sequence[str] = ()) -> tuple[Fitted, Sequence[bytes]]:
    """What is served, and the table's rows for routing.fitted.write. `elsewhere`: texts that belong to none of the topics."""
    topics = sorted(set(outcomes.topics))
    numbers = [topics.index(topic) for topic in outcomes.topics]
    lists = lists_of([*outcomes.texts, *elsewhere])
    labels = [*numbers, *[len(topics)] * len(elsewhere)]
    table, rows = table_of(learn(lists, labels, len(topics) + 1), [*topics, ELSEWHERE])
    belongs = _belongs(outcomes, _unseen(lists, labels, len(topics) + 1, outcomes.texts))
    weights = _weights(outcomes, belongs, (*FAMILIES, *topics))
    per_char, framing = _framing(outcomes, belongs)
    return (
        Fitted(
            table=table,
            weights=weights,
            spending=_spending(outcomes, belongs),
            framing=framing,
            tokens_per_char=per_char,
        ),
        rows,
    )


# --- which contexts the prompts belong to


def _unseen(lists: Lists, labels: Sequence[int], count: int, texts: Sequence[str]) -> Array:
    """Posteriors of the texts by tables that were learned without them."""
    fold = np.array([int(hashlib.sha256(text.encode()).hexdigest()[8:12], 16) % FOLDS for text in texts])
    beyond = range(len(texts), len(labels))
    found = np.zeros((len(texts), count))
    for number in range(FOLDS):
        kept = [*np.where(fold != number)[0].tolist(), *beyond]
        left = np.where(fold == number)[0].tolist()
        model: TopicModel = learn(take(lists, kept), [labels[r] for r in kept], count)
        found[left] = posteriors(model, take(lists, left))
    return found


def _belongs(outcomes: Outcomes, posterior: Array) -> Array:
    """Prompts x contexts. Every prompt counts for its families too: those are what a prompt from elsewhere is left to."""
    rows = []
    for text, found in zip(outcomes.texts, posterior, strict=True):
        reading = classify_text(text)
        apart = TopicReading(posterior=reading.posterior, complexity=reading.complexity, topics=())
        rows.append([*shares(apart), *found[:-1]])
    return np.array(rows)


# --- abilities


class _Effects(Struct, frozen=True):
    """Log odds of a good answer = topic + model + the model in the family + the model in the topic."""

    topic: Array
    model: Array
    in_family: Array  # families x models
    in_topic: Array  # topics x models


def _weights(outcomes: Outcomes, belongs: Array, contexts: tuple[str, ...]) -> Weights:
    families, topics = belongs[:, : len(FAMILIES)], belongs[:, len(FAMILIES) :]
    asked = ~np.isnan(outcomes.quality)
    effects = _effects(*_cells(families, topics, np.where(asked, outcomes.quality, 0.0), asked))
    of_families = _family_levels(families, _weighted(topics) @ effects.topic)[:, None] + effects.model + effects.in_family
    of_topics = effects.topic[:, None] + effects.model + _weighted(topics.T @ families) @ effects.in_family + effects.in_topic
    ability = np.clip(np.concatenate([of_families, of_topics]), -MOST_ABILITY, MOST_ABILITY)
    share = _sigmoid(ability)
    evidence = np.concatenate([np.zeros_like(of_families), topics.T @ asked])  # a family stands for topics that were not recorded
    error = np.sqrt(1 / (share * (1 - share) * (evidence + DRAWN)))
    return Weights(
        version="fitted-" + hashlib.sha256(np.round(ability, 4).tobytes()).hexdigest()[:12],
        contexts=contexts,
        arms={name: arm(ability[:, m].tolist(), error[:, m].tolist()) for m, name in enumerate(outcomes.models)},
        levels=(0.0,) * len(contexts),
        rises=(0.0,) * len(contexts),
        unknown=arm(ability.mean(axis=1).tolist(), [UNKNOWN_ERROR] * len(contexts)),
    )


def _cells(families: Array, topics: Array, quality: Array, asked: NDArray[np.bool_]) -> tuple[Array, Array]:
    """Good answers and all answers, topics x families x models: every prompt counts in each cell by its share."""
    shape = (topics.shape[1], families.shape[1], quality.shape[1])
    cell = (topics[:, :, None] * families[:, None, :]).reshape(len(quality), -1)
    return (cell.T @ quality).reshape(shape), (cell.T @ asked).reshape(shape)


def _effects(good: Array, count: Array) -> _Effects:
    """The likeliest, when all effects are drawn to zero. In log odds, so that a lead where nearly all is answered well still
    counts where little is."""
    topics, families, models = good.shape
    ends = np.cumsum([topics, models, families * models])
    held = np.repeat([EVIDENCE, EVIDENCE, IN_FAMILY, IN_TOPIC], [topics, models, families * models, topics * models])

    def split(flat: Array) -> _Effects:
        topic, model, in_family, in_topic = np.split(flat, ends)
        return _Effects(topic, model, in_family.reshape(families, models), in_topic.reshape(topics, models))

    def loss(flat: Array) -> tuple[float, Array]:
        found = split(flat)
        odds = found.topic[:, None, None] + found.model + found.in_family[None] + found.in_topic[:, None]
        told = (count * np.logaddexp(0, odds) - good * odds).sum() + (held * flat**2).sum() / 2
        slope = count * _sigmoid(odds) - good
        by = (slope.sum(axis=(1, 2)), slope.sum(axis=(0, 1)), slope.sum(axis=0).ravel(), slope.sum(axis=1).ravel())
        return float(told), np.concatenate(by) + held * flat

    start = np.zeros(len(held))
    return split(minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": EFFECT_STEPS}).x)


def _family_levels(families: Array, level: Array) -> Array:
    """A family is as hard as the topics that its prompts are from; `level`: log odds by prompt."""
    return np.asarray((families.T @ level + DRAWN * level.mean()) / (families.sum(axis=0) + DRAWN))


def _weighted(shares: Array) -> Array:
    """Rows that sum to 1."""
    return np.asarray(shares / np.maximum(shares.sum(axis=1), 1e-9)[:, None])


def _sigmoid(odds: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-odds)))


# --- what they spend


def _framing(outcomes: Outcomes, belongs: Array) -> tuple[float, tuple[float, ...]]:
    """Input tokens per character of the prompt, and what stands around it in each context."""
    chars = np.array([len(text) for text in outcomes.texts], dtype=float)
    tokens = np.nanmean(outcomes.input_tokens, axis=1)
    slopes = belongs[:, len(FAMILIES) :]
    design = np.column_stack([chars, slopes])
    found = np.linalg.solve(design.T @ design + 1e-6 * np.eye(design.shape[1]), design.T @ tokens)
    rest = tokens - found[0] * chars
    whole = (belongs.T @ rest + DRAWN_TOKENS * rest.mean()) / (belongs.sum(axis=0) + DRAWN_TOKENS)
    return float(found[0]), tuple(np.maximum(whole, 0).tolist())


def _spending(outcomes: Outcomes, belongs: Array) -> dict[str, Spending]:
    tokens = _tokens(outcomes, belongs)
    spending = {}
    for m, name in enumerate(outcomes.models):
        asked = ~np.isnan(outcomes.cost[:, m])
        paid = prices(outcomes.input_tokens[asked, m], outcomes.output_tokens[asked, m], outcomes.cost[asked, m])
        spending[name] = Spending(input_usd=paid[0], output_usd=paid[1], output_tokens=tuple(tokens[:, m].tolist()))
    return spending


def prices(input_tokens: Array, output_tokens: Array, cost: Array) -> tuple[float, float]:
    """USD per token of input and of output that explain what was paid."""
    found = np.linalg.lstsq(np.column_stack([input_tokens, output_tokens]), cost, rcond=None)[0]
    return float(max(found[0], 0)), float(max(found[1], 0))


def _tokens(outcomes: Outcomes, belongs: Array) -> Array:
    """Contexts x models: means, drawn to the model's own mean times how much longer the context's answers are."""
    asked = ~np.isnan(outcomes.output_tokens)
    written = np.where(asked, outcomes.output_tokens, 0.0)
    mean = written.sum(axis=0) / np.maximum(asked.sum(axis=0), 1)
    longer = (belongs.T @ written).sum(axis=1) / np.maximum((belongs.T @ (asked * mean)).sum(axis=1), 1e-9)
    expected = np.maximum(longer, 0.05)[:, None] * mean[None, :]
    return np.asarray((belongs.T @ written + DRAWN_TOKENS * expected) / (belongs.T @ asked + DRAWN_TOKENS))
