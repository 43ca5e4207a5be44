"""The Celery application: `celery -A gateway.celery worker`."""

import os
from typing import Any

from celery import Celery
from celery.signals import task_prerun

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway.settings")

app = Celery("routeplex")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@task_prerun.connect  # type: ignore[untyped-decorator]  # celery ships no types
def _catch_up(**_: Any) -> None:
    """Workers know the models as the operator has them now."""
    from gateway.operating import catch_up

    catch_up()
