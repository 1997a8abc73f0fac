"""Give a predicate another cardinality: the one change of the vocabulary that moves facts."""

from handoffs.models import Reflection
from ledger.reasons import Reason
from patches.apply import Touched, begin, bring_in_line, lock
from patches.identities import place
from patches.models import Assertion, Predicate

EVENT = Predicate.Cardinality.EVENT


def obstacle(name: str, cardinality: str) -> str | None:
    """Why the predicate cannot have this cardinality; None when it can.

    A date that is stated of an event is all of its time, one that is stated of anything else is where it begins: what
    was said under the one cannot be read under the other.
    """
    was = Predicate.objects.values_list("cardinality", flat=True).get(name=name)
    if was != cardinality and EVENT in (was, cardinality) and Assertion.objects.filter(predicate=name).exists():
        return f"Something was said with {name} already: register another predicate, and extract anew."
    return None


def recount(name: str, cardinality: str, *, by: str) -> list[int]:
    """Let a predicate have one value at a time or many, and bring in line all that was ever said with it.

    Returns the apply numbers, one for each reflection concerned; for each of these a constant number of statements.
    Needs a transaction; takes the locks of all reflections. Raises ValueError where there is an obstacle.
    """
    for reflection_id in Reflection.objects.order_by("pk").values_list("pk", flat=True):
        lock(reflection_id)
    if why := obstacle(name, cardinality):
        raise ValueError(why)
    if not Predicate.objects.filter(name=name).exclude(cardinality=cardinality).update(cardinality=cardinality):
        return []
    told = Assertion.objects.filter(predicate=name).order_by("reflection").values_list("reflection", flat=True)
    seqs = []
    for reflection_id in told.distinct():
        seqs.append(begin(reflection_id, reason=Reason.RECOUNTED, by=by))
        slots = place(reflection_id, predicate=name)
        bring_in_line(reflection_id, Touched(frozenset(slots)), seq=seqs[-1])
    return seqs
