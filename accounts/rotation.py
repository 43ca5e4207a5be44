"""A key gets a new secret, and the old one stays good for a while: its limits, budgets and history go on under the same key."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.keys import PREFIX_LENGTH, digest, mint, pepper_id
from accounts.models import ApiKey, RetiredSecret

FORGOTTEN = timedelta(days=1)  # by then every process has heard that it is good no more


@transaction.atomic
def rotate(key: ApiKey, overlap: timedelta) -> str:
    """The new key, which is never to be had again. What was retired before is good for no longer than what is retired now."""
    now = timezone.now()
    key.retired_secrets.filter(expires_at__gt=now + overlap).update(expires_at=now + overlap)
    key.retired_secrets.filter(expires_at__lt=now - FORGOTTEN).delete()
    RetiredSecret.objects.create(
        api_key=key, prefix=key.prefix, last4=key.last4, pepper_id=key.pepper_id, digest=key.digest, expires_at=now + overlap
    )
    token, pepper = mint(test=key.is_test), settings.KEY_PEPPERS[0]
    key.prefix, key.last4 = token[:PREFIX_LENGTH], token[-4:]
    key.pepper_id, key.digest = pepper_id(pepper), digest(token, pepper)
    key.save()
    return token
