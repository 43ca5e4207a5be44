"""Which time is meant? 7d, 24h, or a day such as 2026-11-01."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

AGO = re.compile(r"(\d{1,4})([dh])")


def moment(text: str, now: datetime, zone: str) -> datetime:
    """So long before now, or the beginning of that day in that time zone. Raises ValueError, which says what can be written."""
    if (ago := AGO.fullmatch(text)) is not None:
        return now - int(ago[1]) * (timedelta(days=1) if ago[2] == "d" else timedelta(hours=1))
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=ZoneInfo(zone))
    except ValueError:
        raise ValueError(f"{text!r} is no time: write one such as 7d, 24h or 2026-11-01.") from None
