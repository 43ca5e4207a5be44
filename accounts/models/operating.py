"""What the operator switches and announces."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class Switch(models.Model):
    """A part of the product that the operator has switched off, or on again (accounts/switches.py)."""

    name = models.CharField(primary_key=True, max_length=32)
    is_on = models.BooleanField()
    changed_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.name} is {'on' if self.is_on else 'off'}"


class Announcements(models.QuerySet["Announcement"]):
    def current(self) -> Announcements:
        now = timezone.now()
        return self.filter(models.Q(ends_at=None) | models.Q(ends_at__gt=now), starts_at__lte=now).order_by("-starts_at")


class Announcement(models.Model):
    """Something that everybody who is signed in is told on every page."""

    class Tone(models.TextChoices):
        INFO = "info", "news"
        WARNING = "warning", "take care"
        ERROR = "error", "something is wrong"

    text = models.CharField(max_length=300)
    tone = models.CharField(max_length=8, choices=Tone.choices, default=Tone.INFO)
    link = models.URLField(max_length=500, blank=True, help_text="Where more is told.")
    starts_at = models.DateTimeField(default=timezone.now)
    ends_at = models.DateTimeField(null=True, blank=True, help_text="Empty: until it is ended.")

    objects = Announcements.as_manager()

    def __str__(self) -> str:
        return self.text
