"""What may a catalogue file say, what does it come to, and how is it told what cannot be?"""

from __future__ import annotations

from datetime import date

import pytest

from routing.abilities import USUAL
from routing.catalog import Catalog, CatalogError, load
from routing.types import Price, Rates

SMALL = """
[providers.acme]
base_url = "https://acme.example/v1/"
{provider}
[[providers.acme.models]]
name = "one"
context_tokens = 1000
{model}
"""


def small(*, provider: str = "", model: str = "free = true", more: str = "") -> Catalog:
    return load(SMALL.format(provider=provider, model=model) + more)


# --- what an entry comes to


def test_an_entry_needs_little() -> None:
    catalog = small()
    facts, one = catalog.providers["acme"], catalog.models["acme/one"]
    assert (facts.dialect, facts.base_url, facts.key_setting, facts.sandbox_path) == (
        "openai",
        "https://acme.example/v1",
        None,
        None,
    )
    assert (one.upstream_id, one.display_name, one.max_output_tokens, one.tier) == ("one", "one", 1000, "default")
    assert one.abilities == USUAL["openai"]
    assert one.prices == (Price(starts=date.min, rates=Rates(input=0, output=0)),)


def test_abilities_are_the_providers_with_more_and_less() -> None:
    one = small(provider='abilities = ["tools", "seed"]', model='abilities = ["n"]\nlacks = ["seed"]\nfree = true').models[
        "acme/one"
    ]
    assert one.abilities == {"tools", "n"}


def test_quirks_are_the_providers_with_the_models_on_top_and_can_be_hashed() -> None:
    catalog = small(provider='quirks = { drops = ["user"], a = 1, b = 1 }', model="quirks = { b = 2 }\nfree = true")
    assert catalog.models["acme/one"].quirks == {"drops": ("user",), "a": 1, "b": 2}
    assert hash(catalog.providers["acme"])


def test_quality_by_family_and_where_data_is_processed() -> None:
    one = small(
        provider='regions = ["eu", "ch"]', model="quality = 0.6\nqualities = { code = 0.7, math = 0.65 }\nfree = true"
    ).models["acme/one"]
    assert one.qualities == {"code": 0.7, "math": 0.65}
    assert one.regions == ("ch", "eu")
    assert small(provider='regions = ["eu"]', model='regions = ["us"]\nfree = true').models["acme/one"].regions == ("us",)
    with pytest.raises(CatalogError, match="no family 'poetry'"):
        small(model="qualities = { poetry = 0.7 }\nfree = true")
    with pytest.raises(CatalogError, match="qualities"):
        small(model="qualities = { code = 1.7 }\nfree = true")


def test_prices_are_whole_pico_dollars_and_tiers_inherit() -> None:
    prices = """prices = [
      { input = "1.25", output = "10", cached_input = "0.125", tiers = [{ above = 200000, input = "2.5" }] },
      { starts = 2027-01-01, input = "0.000001", output = "1.50" },
    ]"""
    first, second = small(model=prices).models["acme/one"].prices
    assert first == Price(
        starts=date.min,
        rates=Rates(input=1_250_000, output=10_000_000, cached_input=125_000),
        tiers=((200_000, Rates(input=2_500_000, output=10_000_000, cached_input=125_000)),),
    )
    assert second == Price(starts=date(2027, 1, 1), rates=Rates(input=1, output=1_500_000))


# --- what is refused, and how it is said


def price(text: str) -> str:
    return f'prices = [{{ {text}, input = "1", output = "1" }}]'


@pytest.mark.parametrize(
    ("keys", "model", "said"),
    [
        ('dialect = "cohere"', "free = true", "providers.acme: `dialect` is 'cohere', and none of openai, anthropic, google."),
        ("colour = 1", "free = true", "providers.acme: Object contains unknown field `colour`."),
        ('key_setting = ""', "free = true", "`key_setting`"),
        ('sandbox_path = "x"', "free = true", "`sandbox_path`"),
        ('abilities = ["tool"]', "free = true", "providers.acme: there is no ability 'tool'."),
        ("quirks = { a = { b = 1 } }", "free = true", "`quirks[...]`"),
        (
            "",
            "",
            "providers.acme, model 'one': give either `prices` or, if it costs nothing, `free = true`, or, if nobody knows, "
            "`unpriced = true`.",
        ),
        ("", "free = true\n" + price('cache_write = "1"'), "give either `prices` or"),
        ("", "free = true\nprice = 1", "providers.acme, model 'one': Object contains unknown field `price`."),
        ("", 'free = true\ntier = "gold"', "`tier`"),
        ("", "free = true\nquality = 1.5", "`quality`"),
        ("", "free = true\noutput_tokens_per_s = 0", "`output_tokens_per_s`"),
        ("", 'free = true\nreleased = "soon"', "`released`"),
        ("", 'free = true\nlacks = ["wings"]', "model 'one': there is no ability 'wings'."),
        ("", 'prices = [{ input = "1" }]', "model 'one', `prices`: `output` missing."),
        ("", 'prices = [{ input = 1.5, output = "1" }]', "`prices[0].input`"),
        (
            "",
            'prices = [{ input = "1,5", output = "1" }]',
            "model 'one', `prices`: `input` is \"1,5\", not USD per million tokens",
        ),
        ("", 'prices = [{ input = "-1", output = "1" }]', '`input` is "-1"'),
        (
            "",
            price('cached_input = "0.0000001"'),
            '`cached_input` is "0.0000001", not USD per million tokens with at most six decimals.',
        ),
        ("", price("tiers = [{ above = 2 }, { above = 1 }]"), "`above` of the tiers must rise."),
        ("", price("tiers = [{ above = 2 }, { above = 2 }]"), "`above` of the tiers must rise."),
        ("", price("tiers = [{ input = '2' }]"), "missing required field `above`"),
        (
            "",
            'prices = [{ starts = 2026-02-01, input = "1", output = "1" }, { starts = 2026-01-01, input = "1", output = "1" }]',
            "model 'one': `starts` of the prices must rise.",
        ),
    ],
)
def test_what_cannot_be_is_refused_by_name(keys: str, model: str, said: str) -> None:
    with pytest.raises(CatalogError) as refused:
        small(provider=keys, model=model)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[providers", "catalogue file 1 is not TOML: "),
        ("[provider.x]", "catalogue file 1: Object contains unknown field `provider`."),
        ("providers = 1", "catalogue file 1: Expected `object`, got `int` - at `providers`."),
        ("[providers.x]", "providers.x: Object missing required field `base_url`."),
        ('[providers.x]\nbase_url = "acme.example"', "providers.x: Expected `str` matching regex '^https?://.' - at `base_url`."),
        ('[providers."a/b"]\nbase_url = "http://x"', "providers.a/b: a provider's name has no slash in it."),
        (
            '[providers.x]\nbase_url = "http://x"\n[[providers.x.models]]\ncontext_tokens = 1',
            "providers.x, model None: Object missing required field `name`.",
        ),
        ('[providers.x]\nbase_url = "http://x"\nmodels = 1', "providers.x.models: Expected `array`, got `int`."),
    ],
)
def test_what_is_no_catalogue_is_refused(text: str, said: str) -> None:
    with pytest.raises(CatalogError) as refused:
        load(text)
    assert said in str(refused.value)


MORE = '\n[[providers.acme.models]]\nname = "{name}"\ncontext_tokens = 5\nfree = true\naliases = ["{alias}"]\n'


def test_a_name_or_alias_belongs_to_one_model_of_a_provider() -> None:
    with pytest.raises(CatalogError, match="acme/one is there twice"):
        small(more=MORE.format(name="one", alias="x"))
    with pytest.raises(CatalogError, match="acme/two: the alias 'one' is taken by acme/one"):
        small(more=MORE.format(name="two", alias="one"))
    with pytest.raises(CatalogError, match="acme/three: the alias 'x' is taken by acme/two"):
        small(more=MORE.format(name="two", alias="x") + MORE.format(name="three", alias="x"))


# --- several files


def test_a_later_file_adds_changes_and_replaces() -> None:
    first = SMALL.format(provider='key_setting = "A_KEY"', model="quality = 0.1\nfree = true")
    second = """
    [providers.acme]
    base_url = "http://elsewhere"
    [[providers.acme.models]]
    name = "one"
    context_tokens = 2
    prices = [{ input = "1", output = "2" }]
    [[providers.acme.models]]
    name = "two"
    context_tokens = 3
    free = true
    [providers.other]
    base_url = "http://other"
    """
    both = load(first, second)
    assert list(both.providers) == ["acme", "other"]
    assert (both.providers["acme"].base_url, both.providers["acme"].key_setting) == ("http://elsewhere", "A_KEY")
    assert [(m.id, m.context_tokens, m.quality) for m in both.models.values()] == [("acme/one", 2, 0.5), ("acme/two", 3, 0.5)]
    assert both.version != load(first).version
    assert both.version == load(first, second).version
