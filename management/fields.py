"""Kinds of values that several resources have."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal

from msgspec import Meta

_TEXT = r"^[^\x00]*$"  # PostgreSQL keeps no character 0

Name = Annotated[str, Meta(min_length=1, max_length=120, pattern=_TEXT)]
Text = Annotated[str, Meta(max_length=200, pattern=_TEXT)]
Email = Annotated[str, Meta(min_length=3, max_length=254, pattern=r"^[^@\s\x00]+@[^@\s\x00]+\.[^@\s\x00]+$")]
StrategyName = Annotated[str, Meta(max_length=32, pattern=_TEXT)]
Slider = Annotated[float, Meta(ge=0, le=10)]
Count = Annotated[int, Meta(ge=1, le=2_147_483_647)]
Role = Literal["viewer", "member", "admin", "owner"]
Usd = Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?$", description="A decimal number as text: exact.")]
Time = Annotated[datetime, Meta(extra_json_schema={"format": "date-time"})]
Amount = Usd | Annotated[float, Meta(ge=0, le=999_999_999_999)]


def exact(amount: str | float) -> Decimal:
    """To a millionth."""
    return Decimal(str(amount)).quantize(Decimal("0.000001"))


def plain(amount: Decimal) -> str:
    """Without zeros that say nothing."""
    return f"{amount.normalize():f}"
