"""What happened to a row, as a table: all of its events, or of a long history the first and the last."""

from collections.abc import Sequence

from django.utils.safestring import SafeString

from ledger import rendering
from ledger.models import Event

ENDS = 50  # events that are shown of each end


def history(lifecycle: str, row_id: int, elsewhere: str) -> SafeString:
    """The events of a row; how many are left out leads to `elsewhere`, where all of them are. Three statements."""
    rows = Event.objects.filter(lifecycle=lifecycle, row_id=row_id)
    first = list(rows.order_by("id")[:ENDS])
    last = [one for one in reversed(rows.order_by("-id")[:ENDS]) if one not in first]
    if (left_out := rows.count() - len(first) - len(last)) <= 0:
        return _table([*first, *last])
    between = rendering.anchor(elsewhere, f"{left_out:,} more between these: all of them")
    return rendering.stacked(_table(first), between, _table(last))


def _table(events: Sequence[Event]) -> SafeString:
    return rendering.table(
        ["at", "from", "to", "reason", "by", "note"],
        [
            (
                rendering.moment(one.at),
                one.was,
                rendering.state(one.became),
                one.get_reason_display(),
                one.by,
                one.note or "-",
            )
            for one in events
        ],
    )
