from django.apps import AppConfig
from django.conf import settings

from ledger import crashpoints


class LedgerConfig(AppConfig):
    name = "ledger"

    def ready(self) -> None:
        crashpoints.watch(settings.CRASH_POINTS)
