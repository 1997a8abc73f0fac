"""The Celery app, with two corrections of its surroundings, each held by a test."""

import os
from typing import Any

from celery import Celery
from celery.fixups import django as celery_fixup
from celery.signals import (
    celeryd_after_setup,
    heartbeat_sent,
    worker_process_shutdown,
    worker_shutdown,
    worker_shutting_down,
)
from kombu.transport import redis as redis_transport

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the tokenizer's threads do not survive a fork

app = Celery("sluicegate")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# the published stubs leave out what is corrected here
transport: Any = redis_transport
fixup: Any = celery_fixup
_connection_parameters = transport.Channel._connparams


def _refuse_closed(self: Any, *args: Any, **kwargs: Any) -> Any:
    """Celery 5.7.0's worker exits when the broker dies while it holds a task and has a free slot.

    It closes the collected connection, which then tries to hand the task back through a channel without a connection
    and meets an AttributeError that nobody catches; a ConnectionError is what its callers expect.
    """
    if self.connection is None or self.connection.client is None:
        raise transport.redis.exceptions.ConnectionError("the channel belongs to a closed broker connection")
    return _connection_parameters(self, *args, **kwargs)


transport.Channel._connparams = _refuse_closed


def _close_old(_fixup: Any, **_: Any) -> None:
    """Celery closes the database connection around every task; we keep it while it is healthy: four times the tasks."""
    from django.db import close_old_connections  # noqa: PLC0415  Django is not set up when this module loads

    close_old_connections()


fixup.DjangoWorkerFixup.close_database = _close_old


@worker_shutting_down.connect
def surrender_work(how: str, **_: Any) -> None:
    """On a cold shutdown the children are ended in the middle of their work: that is not a crash of it.

    A sync may take an hour: nobody waits so long for its end.
    """
    from ingestion.workers import give_back_syncs, surrender  # noqa: PLC0415

    if how == "Cold":
        surrender()
    give_back_syncs()


@celeryd_after_setup.connect
def load_models(instance: Any, **_: Any) -> None:
    """Load the models in the worker's parent, so that its children share their memory, if it is to use them."""
    if "stages" in instance.app.amqp.queues.consume_from:
        from ingestion.stages import warm  # noqa: PLC0415

        warm()


@worker_process_shutdown.connect
def hand_over_traces(**_: Any) -> None:
    """A process of the pool ends without Python's own farewell."""
    from ingestion.adapters import chosen_traces  # noqa: PLC0415

    chosen_traces().flush()


@heartbeat_sent.connect
def say_alive(sender: Any, **_: Any) -> None:
    """Let operators see that the worker is there."""
    from ingestion import alive  # noqa: PLC0415

    alive.say(sender.eventer.hostname)


@worker_shutdown.connect
def say_good_bye(sender: Any, **_: Any) -> None:
    """Who ended as asked is not missed."""
    from ingestion import alive  # noqa: PLC0415

    alive.leave(sender.hostname)
