"""What templates of pages say in one word."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import template
from django.templatetags.static import static
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def icon(name: str, classes: str = "") -> SafeString:
    """One of dashboard/icons.txt; it says nothing to those who cannot see it."""
    where = f"{static('icons.svg')}#{name}"
    return format_html('<svg class="icon {}" aria-hidden="true" focusable="false"><use href="{}"></use></svg>', classes, where)


@register.filter
def usd(amount: Decimal | float | None) -> str:
    """Dollars, with as many places as a small amount needs."""
    if amount is None:
        return "—"
    value = Decimal(amount)
    if value == 0:
        return "$0"
    places = 2 if abs(value) >= 1 else 4 if abs(value) >= Decimal("0.01") else 6
    return f"${value:,.{places}f}"


@register.simple_tag(takes_context=True)
def moment(context: dict[str, Any], at: datetime | int | None, form: str = "short") -> SafeString | str:
    """A time as it is in the workspace's time zone; all of it on hover."""
    if at is None:
        return "—"
    at = datetime.fromtimestamp(at, UTC) if isinstance(at, int) else at  # as charts have it
    here = context.get("here")
    zone = here.member.tenant.time_zone if here else "UTC"
    local = at.astimezone(ZoneInfo(zone))
    text = {"short": "%b %-d, %H:%M", "long": "%b %-d %H:%M:%S", "day": "%b %-d, %Y"}[form]
    return format_html(
        '<time datetime="{}" title="{}">{}</time>', at.isoformat(), f"{local:%Y-%m-%d %H:%M:%S} {zone}", local.strftime(text)
    )


@register.filter
def named(mapping: dict[str, Any], key: str) -> Any:
    """mapping[key], for keys that are names of variables; empty where there is none."""
    return mapping.get(key, "")


@register.filter
def named_dimension(name: str) -> str:
    """What usage is asked by, in words."""
    from dashboard.overview import BY

    return BY[name]


@register.filter
def chart_rows(chart: dict[str, Any]) -> Any:
    """The table behind a chart."""
    from dashboard.overview import rows_of

    return rows_of(chart)


@register.filter
def ms(value: float | None) -> str:
    """A time, short."""
    if value is None:
        return "—"
    return f"{value / 1000:.1f} s" if value >= 1000 else f"{value:.0f} ms"


@register.filter
def lasting(seconds: float) -> str:
    """How long, in the unit that says it best."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


@register.filter
def words(name: str | None) -> str:
    """code_generation -> Code generation"""
    from dashboard.names import words as told

    return told(name) if name else ""


@register.filter
def percent(share: float) -> str:
    """0.034 -> 3.4 %"""
    return f"{share * 100:.1f} %".replace(".0 %", " %")


@register.filter
def signed(value: float) -> str:
    """+0.031, with a real minus."""
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


@register.filter
def unlocalize(value: float) -> str:
    """A number as SVG reads it."""
    return f"{value:.2f}"


@register.filter
def changes(details: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Of an entry with what was before and after: name, before, after, for those that differ."""
    before, after = details.get("before", {}), details.get("after", {})
    return [(name, _told(before.get(name)), _told(after[name])) for name in after if before.get(name) != after[name]]


def _told(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return {None: "none", "": "auto", True: "yes", False: "no"}.get(value, str(value))


@register.filter
def told(value: Any) -> str:
    """What an audit entry says of a detail: before and after where it was changed."""
    if isinstance(value, dict):
        return f"{told(value.get('from')) or 'none'} → {told(value.get('to')) or 'none'}"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "yes" if value is True else "" if value in (None, False) else str(value)
