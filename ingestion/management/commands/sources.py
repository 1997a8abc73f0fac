from argparse import ArgumentParser
from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Q, QuerySet

from handoffs.models import Reference, Source
from ingestion import schedules, triggering
from ingestion.management.selecting import age, sources
from ingestion.models import Overlap
from ingestion.operating import pause, reprocess, resume
from ledger.commands import SOME_COULD_NOT, OperatorCommand, operator

TIMES_SHOWN = 3


class Command(OperatorCommand):
    help = (
        "Look at sources, sync them now or by a schedule, hold them, let them go on, have what is live done again by "
        "the present recipe. Exit status: 0 done, 1 some could not, 2 bad usage or no such source."
    )
    verbs = {
        "list": "all of them",
        "sync": "list them and take in what changed, by a worker; with --wait follow it to its end",
        "schedule": "sync them by --cron or --every, or --never; without these, show the next times",
        "pause": "begin nothing of them; what is under way stops before its next stage",
        "resume": "let them go on",
        "reprocess": "do again what another recipe made; with --force everything",
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("names", nargs="*", metavar="NAME", help="its name, REFLECTION/NAME or id")
        parser.add_argument("--reflection", metavar="NAME", help="of this knowledge base")
        parser.add_argument("--all", action="store_true", help="every source")
        parser.add_argument("--why", default="", metavar="WORDS", help="why it is paused; shown to who asks")
        parser.add_argument("--force", action="store_true", help="also what the present recipe made")
        syncing = parser.add_argument_group("sync")
        syncing.add_argument("--wait", action="store_true", help="until it ended, or is to be tried again later")
        syncing.add_argument("--accept-deletions", action="store_true", help="believe that what is absent is gone")
        syncing.add_argument("--recheck", action="store_true", help="read also what looks unchanged")
        timing = parser.add_argument_group("schedule")
        when = timing.add_mutually_exclusive_group()
        when.add_argument("--cron", metavar="FIELDS", help='minute, hour, day, month, day of week: "30 3 * * mon"')
        when.add_argument("--every", type=age, metavar="AGE", help="such as 30s, 15m, 2h or 1d")
        when.add_argument("--never", action="store_true", help="take the schedule away")
        timing.add_argument("--time-zone", default="UTC", metavar="ZONE", help="of --cron, such as Europe/Berlin")
        timing.add_argument("--jitter", type=age, metavar="AGE", help="spread the beginnings over so long")
        timing.add_argument("--grace", type=age, metavar="AGE", help="make up for a time missed by no more (1h)")
        timing.add_argument("--overlap", choices=Overlap.values, help="when the one before has not ended (skip)")

    def list(self, options: dict[str, Any]) -> None:
        known = (
            self.known(options)
            .select_related("reflection", "schedule")
            .annotate(
                live=Count("references", filter=Q(references__gone_at=None)),
            )
        )
        rows = [line(source) for source in known]
        if options["json"]:
            self.object({"sources": rows})
        else:
            self.table(rows)

    def sync(self, options: dict[str, Any]) -> None:
        told = {name: options[name] for name in ("accept_deletions", "recheck", "dry_run")}
        answer = triggering.ask_all(self.meant(options), by=operator(), **told)
        if options["wait"] and not options["dry_run"] and not answer.refused:
            self.follow(answer.of("asked_for"), options)
        else:
            self.tell(answer, options)

    def follow(self, occurrences: Sequence[int], options: dict[str, Any]) -> None:
        def unheard() -> None:
            self.stderr.write("no worker has taken it up yet; make up runs one, Ctrl-C leaves it waiting")

        seen = triggering.follow(occurrences, unheard=unheard)
        if options["json"]:
            self.object({"syncs": [stand.row for stand in seen]})
        else:
            for stand in seen:
                self.facts(stand.row)
        if any(stand.row["status"] != "done" for stand in seen):
            raise SystemExit(SOME_COULD_NOT)

    def schedule(self, options: dict[str, Any]) -> None:
        chosen, told = self.meant(options), {"by": operator(), "dry_run": options["dry_run"]}
        if options["never"]:
            self.tell(schedules.unschedule(chosen, **told), options)
        elif options["cron"] or options["every"]:
            try:
                self.tell(schedules.schedule(chosen, **told, **timing(options)), options)
            except ValueError as problem:
                raise self.wrong(str(problem)) from problem
        else:
            rows = [times(source) for source in chosen.select_related("reflection", "schedule")]
            if options["json"]:
                self.object({"schedules": rows})
            else:
                self.table([row | {"next": ", ".join(row["next"])} for row in rows])

    def pause(self, options: dict[str, Any]) -> None:
        self.tell(pause(self.meant(options), options["why"], by=operator(), dry_run=options["dry_run"]), options)

    def resume(self, options: dict[str, Any]) -> None:
        self.tell(resume(self.meant(options), by=operator(), dry_run=options["dry_run"]), options)

    def reprocess(self, options: dict[str, Any]) -> None:
        references = Reference.objects.filter(source__in=self.meant(options).order_by())
        told = reprocess(references, by=operator(), force=options["force"], dry_run=options["dry_run"])
        self.tell(told, options)

    def meant(self, options: dict[str, Any]) -> QuerySet[Source]:
        if not options["names"] and not options["reflection"] and not options["all"]:
            raise self.wrong("say which: names, --reflection or --all")
        return self.known(options)

    def known(self, options: dict[str, Any]) -> QuerySet[Source]:
        if options["names"]:
            return sources(options["names"], options["reflection"])
        every = Source.objects.order_by("pk")
        return every.filter(reflection__name=options["reflection"]) if options["reflection"] else every


def line(source: Any) -> dict[str, Any]:
    return {
        "id": source.pk,
        "source": str(source),
        "kind": source.kind,
        "paused": source.paused,
        "why": source.paused_why,
        "priority": source.priority,
        "weight": source.weight,
        "references": source.live,
        "schedule": str(getattr(source, "schedule", "")),
        "synced_at": source.synced_at,
        "last_error": source.last_error,
    }


def times(source: Any) -> dict[str, Any]:
    """The next times of the source's schedule, if it has one, as its time zone says them."""
    schedule = getattr(source, "schedule", None)
    coming = schedules.coming(schedule, TIMES_SHOWN) if schedule else []
    return {
        "source": str(source),
        "schedule": str(schedule or ""),
        "next": [f"{time:%Y-%m-%d %H:%M:%S %Z}" for time in coming],
    }


def timing(options: dict[str, Any]) -> dict[str, Any]:
    """The schedule that the options name."""
    seconds = {"jitter_s": options["jitter"], "grace_s": options["grace"]}
    given: dict[str, Any] = {name: int(age.total_seconds()) for name, age in seconds.items() if age is not None}
    given |= {"overlap": options["overlap"]} if options["overlap"] else {}
    return given | {"cron": options["cron"] or "", "zone": options["time_zone"], "every": options["every"]}
