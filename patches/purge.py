"""Erase what batches said: their claims end as any others do, then nothing is left of them but their rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from ledger import statements
from ledger.reasons import Reason
from patches.apply import begin, bring_in_line, withdraw
from patches.carriers import drop
from patches.lifecycles import BATCH, ERASABLE
from patches.models import PatchBatch
from patches.sql import statement

FORGET_ALIASES = """
DELETE FROM patches_alias x WHERE x.entity_id = ANY(%(entities)s::uuid[]) AND NOT upper_inf(x.sys)
  AND NOT EXISTS (SELECT FROM patches_identity i WHERE i.entity_id = x.entity_id)
"""


@dataclass(frozen=True)
class Erased:
    """How much was deleted, and the hashes of the texts that it was made of."""

    passages: int = 0
    assertions: int = 0
    patches: int = 0
    fact_versions: int = 0
    entities: int = 0
    texts: Sequence[str] = ()


def erase(reflection_id: int, batches: Sequence[int], references: Sequence[UUID], *, by: str, note: str = "") -> Erased:
    """Erase the batches, and what the references said of others, in an apply number of its own.

    What the store holds true afterwards is what it would be had nobody ever said it. The history of what others say
    stays. Needs a transaction, the reflection's lock, and locks on the batches, which no live reference carries. A
    constant number of statements.
    """
    drop(references)
    if batches:
        rows = PatchBatch.objects.filter(pk__in=batches)
        seq = begin(reflection_id, reason=Reason.PURGED, by=by)
        touched = withdraw(rows, seq=seq, by=by)
        bring_in_line(reflection_id, touched, seq=seq)
        BATCH.move(rows, was=ERASABLE, to="purged", reason=Reason.PURGED, by=by, note=note, title="")
    which = {"batches": list(batches), "references": list(references)}
    [(passages, said, patches, texts, named, facts)] = statements.rows(statement("erase"), which)
    forgotten = statements.run(statement("forget_facts"), {"facts": facts})
    statements.run(FORGET_ALIASES, {"entities": named})
    entities = statements.run(statement("forget_names"), {"entities": named})
    return Erased(passages, said, patches, forgotten, entities, texts)
