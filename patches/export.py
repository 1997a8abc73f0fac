"""The live knowledge as canonical JSON lines: no internal ids, no clocks, sorted, so that diff compares two stores."""

import json
from collections.abc import Iterator

from handoffs.models import Reflection
from ledger import statements
from patches.sql import statement


def export(reflection: Reflection) -> Iterator[str]:
    """Yield one line per live document, passage, alias and fact, in order of kind and content."""
    for name in ("export_documents", "export_passages", "export_aliases", "export_facts"):
        lines = (row for (row,) in statements.rows(statement(name), {"reflection": reflection.pk}))
        yield from sorted(_canonical(line) for line in lines)


def _canonical(line: str) -> str:
    return json.dumps(json.loads(line), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
