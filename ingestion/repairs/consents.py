"""Sources whose grant ended are held: they stop before their next stage."""

from handoffs import consent
from ingestion.failing import stop_source
from ledger.failures import Consent
from ledger.reasons import Reason

PAGE = 200


def repair(by: str) -> int:
    found = list(consent.lapsed().values_list("pk", flat=True)[:PAGE])
    for source_id in found:
        stop_source(source_id, Consent(Reason.NO_CONSENT), by=by)
    return len(found)
