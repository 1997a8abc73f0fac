"""A source of the tests' site, and what is held of it."""

from handoffs.models import Reference, Source
from ingestion.sync import SyncReport, sync
from ledger.failures import RateLimited
from ledger.reasons import Reason
from tests.builders import make_source
from tests.peers.site import Site

NO_WAIT = {"delay_s": 0}


def source_of(site: Site, **options) -> Source:
    return make_source(kind="web", options={"seeds": [site.url], **NO_WAIT, **options})


def taken(source: Source) -> set[str]:
    """The paths of what is held now."""
    found = Reference.objects.filter(source=source, gone_at=None).exclude(seen_payload=None)
    return {"/" + reference.external_id.split("/", 3)[3] for reference in found}


def gone(source: Source) -> int:
    return Reference.objects.filter(source=source).exclude(gone_at=None).count()


def rounds(source: Source, count: int, **how) -> list[SyncReport]:
    return [sync(source, **how) for _ in range(count)]


def whole_round(source: Source, **how) -> SyncReport:
    while True:
        try:
            return sync(source, **how)
        except RateLimited as failure:
            assert failure.reason == Reason.VISIT_OVER


def orchard(site: Site) -> None:
    site.put("/", "Trees.", links=("/apple", "/pear"))
    site.put("/apple", "A red apple.")
    site.put("/pear", "A green pear.", links=("/plum",))
    site.put("/plum", "A blue plum.")
