"""Which items the links of documents mean now: a note that is written later is found by those that waited for it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from posixpath import dirname

from ingestion.connectors.wikilinks import NOTE, Names, last
from ledger import statements
from patches.facts import Known

LINKS = "links_to"
# Where an item lies: its name, but for one that goes by an id of its own.
HOMES = """
SELECT c.batch_id, r.source_id, coalesce(r.metadata->>'path', r.external_id)
FROM patches_carrier c JOIN handoffs_reference r ON r.id = c.reference_id
WHERE c.batch_id = ANY(%(batches)s::bigint[]) AND r.gone_at IS NULL ORDER BY r.id
"""
NAMESAKES = """
SELECT source_id, path FROM (
  SELECT source_id, coalesce(metadata->>'path', external_id) AS path FROM handoffs_reference
  WHERE source_id = ANY(%(sources)s::bigint[]) AND gone_at IS NULL) lying
WHERE lower(normalize(regexp_replace(path, '^.*/', ''))) = ANY(%(names)s::text[])
"""


def with_targets(known: Sequence[Known]) -> list[Known]:
    """The facts, with the items that those of links lead to, in the source that the link stands in. Two statements."""
    links = [fact for fact in known if fact.predicate == LINKS]
    homes: dict[int, list[tuple[int, str]]] = defaultdict(list)
    batches = sorted({said.batch for fact in links for said in fact.evidence})
    for batch, source, path in statements.rows(HOMES, {"batches": batches}) if batches else ():
        homes[batch].append((source, path))
    if not homes:
        return list(known)
    names = _names({source for lying in homes.values() for source, _ in lying}, {fact.object for fact in links})
    return [replace(fact, leads_to=_targets(fact, homes, names)) if fact.predicate == LINKS else fact for fact in known]


def _names(sources: set[int], targets: set[str]) -> Mapping[int, Names]:
    wanted = {last(target) for target in targets}
    which = {"sources": sorted(sources), "names": sorted(wanted | {name + NOTE for name in wanted})}
    found: dict[int, list[str]] = {source: [] for source in sources}
    for source, path in statements.rows(NAMESAKES, which):
        found[source].append(path)
    return {source: Names(paths) for source, paths in found.items()}


def _targets(
    fact: Known, homes: Mapping[int, Sequence[tuple[int, str]]], names: Mapping[int, Names]
) -> tuple[str, ...]:
    standing = {place for said in fact.evidence for place in homes.get(said.batch, ())}
    found = {names[source].find(fact.object, dirname(path)) for source, path in standing}
    return tuple(sorted(filter(None, found)))
