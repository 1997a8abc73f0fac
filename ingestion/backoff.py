"""How long to wait before the next attempt. Pure: the chance comes in as an argument."""

from datetime import timedelta


def delay(attempt: int, *, base: timedelta, factor: float, cap: timedelta, chance: float) -> timedelta:
    """Exponential backoff with full jitter: a random share of the whole delay, `chance` in [0, 1).

    Many that failed together then come back spread out (Brooker 2015, "Exponential Backoff and Jitter").
    """
    full = min(cap.total_seconds(), base.total_seconds() * factor ** max(attempt - 1, 0))
    return timedelta(seconds=full * chance)
