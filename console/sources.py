"""How a source stands, at the head of its page: when something of it went in last, how much does, and what holds it."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.utils.html import format_html
from django.utils.safestring import SafeString

from console.drawing import Chart, bars
from console.overview import ENDED
from handoffs.models import Source
from ingestion.models import Schedule
from ledger import statements
from ledger.rendering import NOTHING, duration, moment, stacked, table

DAYS = 30
STANDS = """
SELECT now(), date_bin('1 day', now(), 'epoch'), (SELECT at FROM console_newest WHERE source_id = %(source)s)
"""
# Runs by the day on which they ended.
BY_DAY = """
SELECT at, coalesce(sum(times) FILTER (WHERE became = ANY(%(live)s)), 0)::bigint, sum(times)::bigint FROM console_tally
WHERE span = 86400 AND at > now() - %(days)s * interval '1 day' AND lifecycle = 'run' AND source_id = %(source)s
  AND became = ANY(%(ended)s) GROUP BY 1
"""
LIVE = ["completed", "duplicate_skipped"]


def standing(source: Source) -> SafeString:
    """What holds the source, with the remedy; below it when it was listed, when it will be, and what share goes in."""
    [(now, today, newest)] = statements.rows(STANDS, {"source": source.pk})
    plan = Schedule.objects.filter(source=source).first()
    lines = [
        ("last success", _ago(newest, now), "something of it was applied, or found as it is"),
        ("listed last", _ago(source.synced_at, now), "a listing was complete"),
        ("next run", moment(plan.next_at) if plan else NOTHING, str(plan) if plan else "no schedule: on demand"),
        ("went in", *_share(source, today)),
    ]
    return stacked(*_held(source), table(["of it", "as it stands", "that is"], lines))


def _held(source: Source) -> Iterable[SafeString]:
    """Banners, each with what to do."""
    signs = []
    if source.paused:
        why = source.paused_why or "no reason was given"
        signs.append(
            (f"Paused: {why}.", f"When that is mended: manage.py sources resume {source}, or Resume in the list")
        )
    if source.last_error:
        signs.append((f"Its last listing failed: {source.last_error}.", "Mend its options or its key, then Sync now"))
    if held := source.deletions_held:
        told = f"Its last listing missed {held:,} items, too many to be believed."
        signs.append((told, "If they are really gone: manage.py ingest --accept-deletions"))
    for says, remedy in signs:
        yield format_html('<p class="verdict attention"><b>{}</b> <span class="remedy">{}</span></p>', says, remedy)


def _ago(at: datetime | None, now: datetime) -> SafeString:
    if at is None:
        return format_html("{}", "never")
    return format_html("{} ago, {}", duration(max(0.0, (now - at).total_seconds())), moment(at))


def _share(source: Source, today: datetime) -> tuple[SafeString, SafeString]:
    """What share of the runs of each day went in, as a picture, and of all of them in words."""
    asks = {"source": source.pk, "days": DAYS, "live": LIVE, "ended": list(ENDED)}
    found = {at: (live, ended) for at, live, ended in statements.rows(BY_DAY, asks)}
    days = [today - timedelta(days=ago) for ago in reversed(range(DAYS))]
    shares = [100 * found[day][0] / found[day][1] if day in found else 0 for day in days]
    picture = bars(
        Chart("went in", days, {"completed": shares}, "%", measured=True), "spark", label="share of each day"
    )
    live, ended = (sum(counts) for counts in zip(*found.values(), strict=True)) if found else (0, 0)
    told = f"{live / ended:.0%} of {ended:,} runs" if ended else "no run ended"
    return format_html("{} in {} days", told, DAYS), picture
