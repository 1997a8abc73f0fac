"""How many handoffs there are by status and reason, each with its list and with what can be done to all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.db.models import Count, QuerySet
from django.urls import reverse

from console.deeds import DEEDS
from handoffs.lifecycles import ENDED
from handoffs.models import Handoff

BACK = ENDED - {"ingested"}


@dataclass(frozen=True)
class Counted:
    """The handoffs of a status and reason; `deeds` are what makes sense to do to them all, as (address, name)."""

    status: str
    reason: str
    number: int
    listed: str
    deeds: Sequence[tuple[str, str]]


def counts(handoffs: QuerySet[Handoff], allowed: Callable[[str], bool]) -> list[Counted]:
    """All of them by status and reason, the most first within a status. One statement, of an index alone.

    `allowed` says of a permission whether the person has it.
    """
    found = handoffs.order_by().values_list("status", "reason").annotate(number=Count("pk"))
    return [_counted(*row, allowed=allowed) for row in found.order_by("status", "-number")]


def _counted(status: str, reason: str, number: int, *, allowed: Callable[[str], bool]) -> Counted:
    query = urlencode({"status__exact": status, "reason__exact": reason})
    name = "handoff.requeue" if status in BACK else "handoff.cancel" if status not in ENDED else ""
    deeds = []
    if name and allowed(DEEDS[name].may):
        deeds.append((f"{reverse('admin:operate', args=[name])}?{query}", DEEDS[name].says))
    return Counted(status, reason, number, f"{reverse('admin:handoffs_handoff_changelist')}?{query}", deeds)
