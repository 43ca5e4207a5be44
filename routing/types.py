"""The vocabulary: every value that crosses a room is defined here.

Pure: nothing here knows Django or a socket. Money on the hot path is in whole pico-dollars (1e-12 USD): every
published price of a token is a whole number of them, so sums are exact. Times are in milliseconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Literal, Self

from msgspec import Raw, Struct, structs

from routing.chat import ChatBody
from routing.rules import Parts, Rules

PICO_PER_USD = 10**12


def usd(pico: int) -> str:
    """Pico-dollars as a decimal, exact and short: 525000000 -> "0.000525"."""
    text = f"{pico // PICO_PER_USD}.{pico % PICO_PER_USD:012d}"
    return text.rstrip("0").rstrip(".") or "0"


Tier = Literal["default", "premium"]
Ability = str  # a name out of routing.abilities: "tools", "image_input", "json_schema", "seed", …


class Usage(Struct, frozen=True, kw_only=True):
    """Tokens of one answer. The details are parts of the totals: cached, written and audio of `input_tokens`, those written
    for an hour of those written, reasoning and audio of `output_tokens`. `estimated` says that we counted, not the provider."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    cache_write_1h_tokens: int = 0
    input_audio_tokens: int = 0
    reasoning_tokens: int = 0
    output_audio_tokens: int = 0
    estimated: bool = False

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens


class Rates(Struct, frozen=True, kw_only=True):
    """Prices in pico-dollars per token (= micro-dollars per million). None: billed as the plain kind."""

    input: int
    output: int
    cached_input: int | None = None
    cache_write: int | None = None
    cache_write_1h: int | None = None  # None: as those that are kept for minutes
    input_audio: int | None = None
    output_audio: int | None = None


class Price(Struct, frozen=True, kw_only=True):
    """What a model costs from `starts` on. A tier (input tokens above which it holds, rates) prices the whole request."""

    starts: date
    rates: Rates
    tiers: tuple[tuple[int, Rates], ...] = ()


class Model(Struct, frozen=True, kw_only=True, eq=False):  # eq=False: hashed by identity, it is a cache key
    """One model at one provider, as the catalogue knows it. `id` is `provider/name`."""

    id: str
    name: str
    provider: str
    upstream_id: str
    display_name: str
    tier: Tier
    context_tokens: int
    max_output_tokens: int
    abilities: frozenset[Ability]
    prices: tuple[Price, ...]
    services: Mapping[str, tuple[Price, ...]] = {}  # in service tiers other than the default one, as far as anybody knows
    quality: float  # prior, 0..1
    qualities: Mapping[str, float] = {}  # the same by family of query, where there is evidence
    ttft_ms: int  # prior time to first token
    output_tokens_per_s: int  # prior speed
    regions: tuple[str, ...] = ()  # where its provider processes data; empty: nobody says
    aliases: tuple[str, ...] = ()
    released: date | None = None
    deprecated: bool = False
    drained: bool = False  # the operator wants no new request there
    priced: bool = True  # False: nobody knows what it costs; it counts as nothing
    quirks: Mapping[str, Any] = {}  # what its dialect must know of it (gateway/providers says which)


class Endpoint(Struct, frozen=True, kw_only=True):
    """Where a provider is reached and with which secret; never logged, never recorded."""

    base_url: str
    secret: str
    credential: str = ""  # what the secret is called where its health is told; no part of it
    sandbox: bool = False
    own: bool = False  # the caller's own secret: what it costs is between the caller and the provider

    def __repr__(self) -> str:
        return f"Endpoint({self.base_url!r}, {self.credential!r})"


class OwnSecret(Struct, frozen=True, kw_only=True):
    """A tenant's own key at a provider. `name` is what it is called where its health is told, and names nobody."""

    name: str
    secret: str

    def __repr__(self) -> str:
        return f"OwnSecret({self.name!r})"


class RateLimit(Struct, frozen=True, kw_only=True):
    """How much a tenant or a key may ask for at a time; None: no such limit. `owner` is "tenant" or "key", `model` an id
    where it holds for that model only."""

    owner: str
    model: str = ""
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    running: int | None = None  # at once

    @property
    def bounds(self) -> bool:
        """Whether there is anything that it limits."""
        return (self.requests_per_minute, self.tokens_per_minute, self.running) != (None, None, None)

    def tightened(self, *others: Self) -> Self:
        """The smallest of each size."""
        everyone = (self, *others)
        return structs.replace(
            self,
            requests_per_minute=_least(limit.requests_per_minute for limit in everyone),
            tokens_per_minute=_least(limit.tokens_per_minute for limit in everyone),
            running=_least(limit.running for limit in everyone),
        )


def _least(sizes: Iterable[int | None]) -> int | None:
    return min((size for size in sizes if size is not None), default=None)


Unit = Literal["usd", "tokens"]
Period = Literal["day", "month"]


class SpendLimit(Struct, frozen=True, kw_only=True):
    """A budget: the most that a tenant or a key may spend in a calendar day or month where it lives. `size` is in whole
    pico-dollars or in tokens (input and output together)."""

    id: str
    owner: Literal["tenant", "key"]
    period: Period
    unit: Unit
    size: int
    zone: str = "UTC"
    unpriced: bool = False  # whether models of which nobody knows the price may run

    @property
    def name(self) -> str:
        """What callers know it by: key_day_usd, tenant_month_tokens …"""
        return f"{self.owner}_{self.period}_{self.unit}"


KeyScope = Literal["all", "chat", "read"]


class Caller(Struct, frozen=True, kw_only=True):
    """A key at work."""

    tenant_id: str
    key_id: str
    key_prefix: str
    test: bool
    strategy: str | None = None  # the key's default, else the tenant's
    tradeoff: float | None = None  # the tenant's
    draws: bool = True  # whether the tenant lets near-ties be drawn at random
    max_fallbacks: int | None = None  # the most that the tenant allows; None: as the request asks
    allowed_models: frozenset[str] = frozenset()  # ids; empty: all
    rules: Rules = Rules()
    strategies: Mapping[str, Parts] = {}  # the tenant's own, by name
    limits: tuple[RateLimit, ...] = ()
    keeps_contents: bool = False  # the tenant wants its prompts and answers kept
    budgets: tuple[SpendLimit, ...] = ()  # the key's before the tenant's, always in the same order
    scope: KeyScope = "all"
    secrets: Mapping[str, OwnSecret] = {}  # the tenant's own, by provider


Pace = Literal["buffered", "realtime"]


class Preferences(Struct, frozen=True, kw_only=True):
    """What the caller asked of the router, beside the request itself (the X-RoutePlex-* headers)."""

    strategy: str | None = None
    tradeoff: float | None = None  # 0 (price) to 10 (quality)
    draws: bool = True
    session: str | None = None  # what the caller calls the conversation
    max_fallbacks: int = 2
    timeout_ms: int = 600_000  # the whole request, all attempts
    first_token_ms: int | None = None  # None: execute's own limit
    drop_unsupported: bool = False  # leave out what a model cannot do, and say so, instead of refusing
    clamp: bool = True  # near the end of a budget: rather a lower output limit than a refusal
    premium: bool = True  # False: automatic routing among models of the default tier only
    enhance: bool = False  # the last user message is made clearer before it is sent (routing/enhance.py)
    pace: Pace = "buffered"  # of a stream on the native API


class Enhancement(Struct, frozen=True, kw_only=True):
    """What was made of a prompt. `text` has the caller's own words in it, unchanged; `language` is a programming language.
    `paragraph` names what was added: the kind and the natural language, such as explanation.en; empty where nothing was."""

    original: str
    text: str
    query_type: str
    language: str | None = None
    paragraph: str = ""

    @property
    def applied(self) -> bool:
        return self.text != self.original


class ChatRequest(Struct, frozen=True, kw_only=True):
    """What was asked. `body` is the typed reading, `fields` the caller's own top-level fields, byte for byte."""

    request_id: str
    body: ChatBody
    fields: Mapping[str, Raw]
    size: int  # bytes of the caller's body
    preferences: Preferences
    enhancement: Enhancement | None = None  # where it was asked for

    @property
    def stream(self) -> bool:
        return self.body.stream is True


class Classification(Struct, frozen=True, kw_only=True):
    """What kind of request it is: the query type, how sure (posterior over types), how hard (0..1), what it needs."""

    query_type: str
    posterior: Mapping[str, float]
    complexity: float
    needs: Mapping[Ability, str]  # ability -> the parameter that asks for it
    input_tokens: int  # estimate
    max_output_tokens: int | None  # the caller's own limit


class Incumbent(Struct, frozen=True, kw_only=True):
    """Who served this conversation last, and how much of its input the provider may still have in its cache."""

    model: str
    cached_tokens: int


class Question(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that a decision depends on beside the classification and the view: with the same three it comes out the same."""

    model: str
    strategy: str
    parts: Parts
    tradeoff: float | None = None
    draws: bool = True
    drop_unsupported: bool = False
    reasoning_effort: str | None = None
    max_fallbacks: int = 2
    budget: int | None = None  # pico-dollars that are left of the caller's budgets; None: no budget, or nothing known
    lot: float = 1.0  # of the conversation, 0..1: below the tenant's share it is held back on the baseline
    allowed_models: frozenset[str] = frozenset()
    rules: Rules = Rules()
    incumbent: Incumbent | None = None
    today: date
    seed: int


Latency = tuple[float | None, float | None]  # ms to the first token, ms for each further one; None: not measured lately


class Seen(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was known of the world beside the catalogue and the weights when the decision was made."""

    reachable: frozenset[str]  # providers
    unusable: frozenset[str] = frozenset()  # models whose breaker is open, or that asked us to wait
    latencies: Mapping[str, Latency] = {}  # by model; those that were measured
    learned: int = 0  # the version of what was learned of the tenant's work; 0: nothing yet
    held_back: bool = False  # on the tenant's baseline, whatever the strategy says (routing/learned.py)


class Forecast(Struct, frozen=True, array_like=True):
    """What is predicted of one model for one request: quality 0..1 with one standard error, pico-dollars, milliseconds."""

    quality: float
    error: float
    output_tokens: int
    cost: int
    ms: int


class Ranked(Struct, frozen=True, array_like=True):
    """A model that could serve this request, with what speaks for it; small, because every request keeps all of its own.
    `propensity`: how likely it was to come first."""

    model: str
    score: float
    propensity: float
    forecast: Forecast


class Candidate(Struct, frozen=True, kw_only=True):
    """A model that will be tried, in its turn."""

    model: Model
    ignored: tuple[str, ...] = ()  # parameters left out for this model, by the caller's leave


Excluded = Mapping[str, Sequence[str]]  # reason -> ids of the models that could not serve because of it


class Decision(Struct, frozen=True, kw_only=True):
    """Who should answer, in what order, and why. `ranked` are all that could, `candidates` the first of them: as many as
    may be tried."""

    mode: Literal["routeplex-ai", "manual"]
    question: Question
    seen: Seen
    candidates: tuple[Candidate, ...]
    ranked: Sequence[Ranked]
    excluded: Excluded
    snapshot_version: str
    weights_version: str

    @property
    def strategy(self) -> str:
        return self.question.strategy


class Delta(Struct, frozen=True, kw_only=True):
    """A piece of a streamed answer: choices in the shape of OpenAI's chunk (`index`, `delta`, `finish_reason`),
    the one form that every dialect is translated into, so that what passes through stays as it was sent.

    Where a provider speaks that form already, a piece in the middle of an answer need not even be taken apart: `raw`
    is then its JSON from the key "choices" to the closing brace, and `choices` is empty."""

    choices: Sequence[dict[str, Any]] = ()
    usage: Usage | None = None
    extra: Mapping[str, Any] = {}  # other top-level fields worth passing on (service_tier, system_fingerprint)
    raw: bytes | None = None
    raw_bytes: int = 0  # about how much of `raw` is the answer's text


class Completion(Struct, frozen=True, kw_only=True):
    """A whole answer: choices in the shape of OpenAI's (`index`, `message`, `finish_reason`, `logprobs`)."""

    choices: Sequence[dict[str, Any]]
    usage: Usage | None
    extra: Mapping[str, Any] = {}


ErrorKind = Literal[
    "timeout",
    "connect",
    "rate_limited",
    "overloaded",
    "server",
    "protocol",  # broken, empty or unfinished answers
    "auth",
    "not_found",  # the provider does not know this model
    "bad_request",
    "content_filtered",
]


class Held(Struct, frozen=True, array_like=True):
    """What an attempt has of one hold: reserved while it runs, charged once it is over."""

    hold: int
    unit: Unit
    amount: int


class Attempt(Struct, kw_only=True):
    """One try at one candidate. Filled in while it runs: the tally owns it."""

    number: int
    model: str
    provider: str
    started_ms: int  # since the request came
    duration_ms: int | None = None
    ttft_ms: int | None = None
    error: ErrorKind | Literal["client_gone", "stopped"] | None = None  # stopped: our process had to leave
    detail: str | None = None  # ours, in words; never the provider's text
    status: int | None = None
    upstream_request_id: str | None = None
    usage: Usage | None = None
    finish: str | None = None  # why the answer ended, in OpenAI's words
    in_form: bool | None = None  # whether it had the form that was asked for; None: none was, or nobody can tell
    service: str | None = None  # the service tier: the one that was asked for, until the provider says which it was
    cost: int = 0  # pico-dollars
    excess: int = 0  # of the cost: what no budget had room for, and the operator pays
    holds: tuple[Held, ...] = ()
    sandbox: bool = False
    own: bool = False  # with the tenant's own key: counted, and billed by the provider alone


class ProviderFacts(Struct, frozen=True, kw_only=True):
    """Who hosts models, and in which dialect; the settings named here hold its secret and another base URL."""

    name: str
    dialect: str
    display_name: str
    base_url: str
    key_setting: str | None = None  # None: it needs no key
    base_url_setting: str | None = None
    sandbox_path: str | None = None  # where the sandbox plays it
    quirks: tuple[tuple[str, Any], ...] = ()  # hashable: facts are cache keys
