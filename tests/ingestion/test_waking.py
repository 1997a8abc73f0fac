"""The dispatcher is woken after a commit that made work; a wake-up that is lost costs a tick."""

import threading
import time

import pytest
import redis

from ingestion import waking


@pytest.fixture(autouse=True)
def asleep(settings):
    with redis.Redis.from_url(settings.REDIS_URL) as broker:
        broker.delete(waking.TOKEN)


def test_who_waits_is_woken_before_his_time():
    began = time.monotonic()
    waker = threading.Timer(0.05, waking.wake)
    waker.start()
    assert waking.wait(10) is True
    waker.join()
    assert time.monotonic() - began < 5


def test_a_wake_up_that_came_while_nobody_waited_is_not_lost():
    waking.wake()
    assert waking.wait(10) is True


def test_any_number_of_wake_ups_are_one():
    for _ in range(50):
        waking.wake()
    assert waking.wait(10) is True
    assert waking.wait(0.2) is False


def test_two_wake_ups_are_not_closer_than_they_may():
    waking.wake()
    assert waking.wait(10) is True
    waking.wake()
    began = time.monotonic()
    assert waking.wait(10) is True
    assert time.monotonic() - began >= waking.APART_S / 2


def test_without_a_broker_one_waits_for_the_next_tick(settings, tmp_path):
    settings.REDIS_URL = f"unix://{tmp_path}/nobody"
    waking._broker.cache_clear()
    try:
        waking.wake()
        began = time.monotonic()
        assert waking.wait(0.3) is False
        assert time.monotonic() - began >= 0.3
    finally:
        waking._broker.cache_clear()
