"""What Celery does for accounts."""

from celery import shared_task
from django.core.management import call_command

from accounts import notices


@shared_task
def clear_sessions() -> None:
    """Expired sessions leave the database."""
    call_command("clearsessions")


@shared_task
def deliver() -> None:
    """Messages that are due. Each is claimed by one worker."""
    notices.deliver()


@shared_task
def forget_old_messages() -> None:
    notices.forget_old()
