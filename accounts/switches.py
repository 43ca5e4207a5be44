"""Which parts of the product has the operator switched off? One table of them; what is not in the database is as here.

The control plane and the workers ask `is_on`, which reads the database. Who may not wait for it asks `remembered`, which
`refresh` keeps (gateway/operating.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.conf import settings
from msgspec import Struct


class Part(Struct, frozen=True, kw_only=True):
    """`off`: what its being off means, as operators read it."""

    name: str
    title: str
    off: str


SIGN_UP, LEARNING, EXPLORING, JUDGING, PLAYGROUND = "sign_up", "learning", "exploring", "judging", "playground"

PARTS: Sequence[Part] = (
    Part(name=SIGN_UP, title="Sign-up", off="Only who was invited may come in."),
    Part(name=LEARNING, title="Learning", off="Outcomes are kept for later; what was learned so far goes on being used."),
    Part(name=EXPLORING, title="Exploring", off="Every request goes to the model that is believed to be best."),
    Part(name=JUDGING, title="Judging", off="No judge model scores answers, whatever tenants have set."),
    Part(name=PLAYGROUND, title="Playground", off="Nobody asks models from the dashboard."),
)

_known: dict[str, bool] = {}


def _usual(name: str) -> bool:
    """As the environment has it."""
    return settings.SIGN_UP == "open" if name == SIGN_UP else True


def states() -> Mapping[str, bool]:
    """Of every part."""
    from accounts.models import Switch

    said = dict(Switch.objects.values_list("name", "is_on"))
    return {part.name: said.get(part.name, _usual(part.name)) for part in PARTS}


def is_on(name: str) -> bool:
    return states()[name]


def turn(name: str, *, on: bool) -> None:
    """Reaches every process within a second or two. Raises KeyError where there is no such part."""
    from accounts.models import Switch

    if name not in {part.name for part in PARTS}:
        raise KeyError(name)
    Switch.objects.update_or_create(name=name, defaults={"is_on": on})


def refresh() -> None:
    _known.update(states())


def remembered(name: str) -> bool:
    """As it was when this process last looked."""
    return _known.get(name, True)


def forget_all() -> None:
    """For tests."""
    _known.clear()
