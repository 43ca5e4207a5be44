"""What Celery does for the gateway."""

from celery import shared_task

from gateway.alerts import tell_alerts as _tell_alerts
from gateway.retention import delete_expired as _delete_expired
from gateway.rollups import roll_up as _roll_up


@shared_task
def roll_up() -> None:
    """The hours and days for which something was entered lately. Twice does no harm."""
    _roll_up()


@shared_task
def delete_expired() -> None:
    """What has been kept long enough. Twice, or cut short, does no harm."""
    _delete_expired()


@shared_task
def tell_alerts() -> None:
    """Budgets that reached a share become messages, each once."""
    _tell_alerts()
