"""Turn what the stages found in a content into a batch of patches with a fixed digest."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ledger import statements
from patches.models import Patch

PROPOSE = """
WITH given AS (
  SELECT * FROM unnest(%(reflections)s::bigint[], %(sources)s::bigint[], %(hashes)s::text[], %(titles)s::text[],
                       %(digests)s::text[], %(patches)b::jsonb[])
    AS g(reflection_id, source_id, content_hash, title, digest, patches)
),
made AS (
  INSERT INTO patches_patchbatch (reflection_id, source_id, content_hash, recipe, title, digest, status, reason)
  SELECT reflection_id, source_id, content_hash, %(recipe)s, title, digest, 'proposed', 'proposed' FROM given
  ORDER BY source_id, content_hash
  ON CONFLICT DO NOTHING
  RETURNING id, source_id, content_hash
),
written AS (
  INSERT INTO patches_patch (batch_id, n, op, payload)
  SELECT made.id, p.n - 1, p.patch ->> 'op', p.patch -> 'payload'
  FROM made JOIN given USING (source_id, content_hash),
       LATERAL jsonb_array_elements(given.patches) WITH ORDINALITY AS p(patch, n)
)
SELECT content_hash, id FROM made
"""


@dataclass(frozen=True)
class Draft:
    """What one content would change; `patches` are (op, payload) in order."""

    reflection_id: int
    source_id: int
    content_hash: str
    title: str
    patches: Sequence[tuple[Patch.Op, Mapping[str, Any]]]

    @property
    def digest(self) -> str:
        return digest_of(self.patches)


def digest_of(patches: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """SHA-256 over the canonical JSON of the patches (sorted keys, no spaces, UTF-8): what a verdict is bound to."""
    canonical = json.dumps(
        [[str(op), payload] for op, payload in patches], sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    return hashlib.sha256(canonical.encode()).hexdigest()


def propose(drafts: Sequence[Draft], *, recipe: str) -> dict[str, int]:
    """Write the batches with their patches, one statement; return content hash → batch id of those that are new.

    Needs a transaction. A content that has a batch of this recipe already is missing from the answer.
    """
    if not drafts:
        return {}
    found = statements.rows(
        PROPOSE,
        {
            "recipe": recipe,
            "reflections": [draft.reflection_id for draft in drafts],
            "sources": [draft.source_id for draft in drafts],
            "hashes": [draft.content_hash for draft in drafts],
            "titles": [draft.title for draft in drafts],
            "digests": [draft.digest for draft in drafts],
            "patches": [
                json.dumps([{"op": op, "payload": payload} for op, payload in draft.patches]) for draft in drafts
            ],
        },
    )
    return dict(found)
