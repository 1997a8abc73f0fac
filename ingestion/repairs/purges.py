"""A purge that died half-way is brought to its end: what was barred is erased."""

import structlog
from django.db import transaction

from ingestion.erasing import erase_page
from ledger.failures import Failure

log = structlog.get_logger(__name__)


def repair(by: str) -> int:
    """One page. A disk that refuses is tried again by the next sweep."""
    try:
        with transaction.atomic():
            return erase_page(by=by).references
    except Failure as failure:
        log.warning("a purge cannot go on", reason=failure.reason.value)
        return 0
