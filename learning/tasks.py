"""What Celery does for learning. Each may run twice, beside itself, or be killed anywhere: what is claimed is counted once."""

import time

from celery import shared_task

from accounts import switches
from learning.judging import judge as _judge
from learning.learn import BATCH, give_up
from learning.learn import learn as _learn
from learning.power import weigh as _weigh
from learning.sharing import share as _share
from learning.trials import judge_trials as _judge_trials

RUN_S = 60.0  # then the next run goes on


@shared_task
def learn() -> None:
    """What is new, until nothing is."""
    if not switches.is_on(switches.LEARNING):
        return
    until = time.monotonic() + RUN_S
    while _learn() >= BATCH and time.monotonic() < until:
        pass


@shared_task
def judge() -> None:
    """A sample of the latest answers, for tenants that want it. An answer that is graded twice counts once."""
    if switches.is_on(switches.JUDGING):
        _judge()


@shared_task
def judge_trials() -> None:
    """Versions of strategies that are on trial, once a day each."""
    _judge_trials()


@shared_task
def share() -> None:
    """What tenants may learn from one another; what implicit signals are worth; what can be given up."""
    _share()
    _weigh()
    give_up()
