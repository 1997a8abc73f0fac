"""A source's connector with its secrets, and those secrets again where the remote side replaced them."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from handoffs import sealing
from handoffs.models import Source
from ingestion.connectors import connect
from ingestion.ports import Renewing, SourcePort


@contextmanager
def opened(source: Source) -> Iterator[SourcePort]:
    """The connector of a source, which need not be saved. Raises Auth for what only a person can mend."""
    port = connect(source.kind, source.options, sealing.reveal(source.pk) if source.pk else {})
    try:
        yield port
    finally:
        keep_renewed(source, port)


def keep_renewed(source: Source, port: SourcePort) -> None:
    """Seal what the remote side gave in the place of a secret: the one before may be good for nothing by now."""
    if isinstance(port, Renewing) and source.pk and (fresh := port.renewed()):
        with transaction.atomic():
            sealing.keep(source, fresh, by=f"{source.kind}:{source.pk}")
