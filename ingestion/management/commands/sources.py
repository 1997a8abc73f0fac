import json
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.db.models import Count, Q, QuerySet

from handoffs.models import Reference, Source
from handoffs.sealing import NoKey
from ingestion import enrolling, schedules, triggering
from ingestion.connectors import CONNECTORS
from ingestion.management.secrets_given import secrets_given
from ingestion.management.selecting import age, sources
from ingestion.models import Occurrence, Overlap
from ingestion.operating import pause, reprocess, resume
from ledger.commands import SOME_COULD_NOT, OperatorCommand, operator
from ledger.deeds import Answer

TIMES_SHOWN = 3
SYNCS_SHOWN = 5

LOOK, DEED = "handoffs.view_source", "handoffs.change_source"


class Command(OperatorCommand):
    help = (
        "Add sources, change them and take them out, look at them, sync them now or by a schedule, hold them, let them "
        "go on, have what is live done again by the present recipe. "
        "Exit status: 0 done, 1 some could not, 2 bad usage or no such source."
    )
    verbs = {
        "list": "all of them",
        "show": "one of them, with its latest syncs",
        "add": "NAME, with --kind and its --option KEY=VALUE …, into --reflection (main)",
        "change": "NAME: give it other --option KEY=VALUE …, beside those that stay; --without KEY takes one away",
        "check": "ask them, with their secrets, whether they answer",
        "sync": "list them and take in what changed, by a worker; with --wait follow it to its end",
        "schedule": "sync them by --cron or --every, or --never; without these, show the next times",
        "pause": "begin nothing of them; what is under way stops before its next stage",
        "resume": "let them go on",
        "remove": "take them out: no schedule, no secrets, and what they brought is retired",
        "reprocess": "do again what another recipe made; with --force everything",
    }
    needs = {
        "list": LOOK,
        "show": LOOK,
        "check": DEED,
        "sync": DEED,
        "schedule": DEED,
        "pause": DEED,
        "resume": DEED,
        "reprocess": DEED,
        "add": "handoffs.add_source",
        "change": "handoffs.add_source",
        "remove": "handoffs.delete_source",
    }

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("names", nargs="*", metavar="NAME", help="its name, REFLECTION/NAME or id")
        parser.add_argument("--reflection", metavar="NAME", help="of this knowledge base")
        parser.add_argument("--all", action="store_true", help="every source")
        parser.add_argument(
            "--why", default="", metavar="WORDS", help="why it is paused, or goes on; shown to who asks"
        )
        parser.add_argument("--force", action="store_true", help="also what the present recipe made")
        adding = parser.add_argument_group("add and change")
        adding.add_argument("--kind", choices=sorted(CONNECTORS), help="of connector")
        adding.add_argument(
            "--option", type=option, action="append", default=[], metavar="KEY=VALUE", help="KEY:=JSON is no text"
        )
        adding.add_argument("--without", action="append", default=[], metavar="KEY", help="change: the default again")
        adding.add_argument("--secret", action="append", default=[], metavar="NAME", help="asked for, or NAME=@FILE")
        adding.add_argument(
            "--consent", action="store_true", help="you allow that it is taken in; a folder's is implied"
        )
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

    def handle(self, *args: Any, verb: str, **options: Any) -> None:
        super().handle(*args, verb="try_out" if verb == "check" else verb, **options)  # Django has a `check` of its own

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

    def show(self, options: dict[str, Any]) -> None:
        for source in self.meant(options).select_related("reflection", "schedule"):
            syncs = [sync_line(one) for one in source.occurrences.order_by("-pk")[:SYNCS_SHOWN]]
            if options["json"]:
                self.object({**whole(source), "syncs": syncs})
            else:
                self.facts(whole(source))
                self.table(syncs, "\nLatest syncs")

    def add(self, options: dict[str, Any]) -> None:
        if len(options["names"]) != 1 or not options["kind"]:
            raise self.wrong("say what: NAME --kind KIND, and its --option KEY=VALUE")
        where = (options["reflection"] or "main", options["kind"], options["names"][0])
        told = {"by": operator(), "consented": options["consent"], "dry_run": options["dry_run"]}
        try:
            source = enrolling.add(*where, self.given(options), secrets_given(options["secret"]), **told)
        except (ValueError, NoKey) as problem:
            raise self.wrong(str(problem)) from problem
        self.tell(Answer({"added": [source.pk]}), options)

    def change(self, options: dict[str, Any]) -> None:
        given = self.given(options)
        if len(options["names"]) != 1 or not (given or options["without"]):
            raise self.wrong("say what: NAME, and its --option KEY=VALUE or --without KEY")
        source = self.meant(options).get()
        if unknown := sorted(set(options["without"]) - source.options.keys()):
            raise self.wrong(f"{', '.join(unknown)}: it has no such option; manage.py sources show {source} names them")
        kept = {name: value for name, value in source.options.items() if name not in options["without"]}
        try:
            changed = enrolling.change(source, kept | given, by=operator(), dry_run=options["dry_run"])
        except ValueError as problem:
            raise self.wrong(str(problem)) from problem
        self.tell(changed, options)

    def given(self, options: dict[str, Any]) -> dict[str, Any]:
        """The options as they are given here: a folder by its whole path."""
        given = dict(options["option"])
        if isinstance(given.get("root"), str):
            with suppress(RuntimeError):  # nobody of that name: what refuses it says so
                given["root"] = str(Path(given["root"]).expanduser().resolve())
        return given

    def try_out(self, options: dict[str, Any]) -> None:
        tried = enrolling.check(self.meant(options))
        rows = [{"source": str(one.source), "ok": one.ok, "says": one.says} for one in tried]
        if options["json"]:
            self.object({"sources": rows})
        else:
            self.table(rows)
        if not all(one.ok for one in tried):
            raise SystemExit(SOME_COULD_NOT)

    def remove(self, options: dict[str, Any]) -> None:
        told = enrolling.remove(self.meant(options), by=operator(), dry_run=options["dry_run"])
        self.tell(told, options)

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
        self.tell(resume(self.meant(options), options["why"], by=operator(), dry_run=options["dry_run"]), options)

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


def whole(source: Any) -> dict[str, Any]:
    """The source with its options, and the names of its secrets; what stands in the ledger of it, by status."""
    counts = source.handoffs.order_by().values_list("status").annotate(Count("pk"))
    source.live = source.references.filter(gone_at=None).count()
    return line(source) | {
        "options": source.options,
        "secrets": sorted(source.secrets.values_list("name", flat=True)),
        "next": times(source)["next"],
        "handoffs": dict(sorted(counts)),
        "deletions_held": source.deletions_held,
    }


def sync_line(one: Occurrence) -> dict[str, Any]:
    return {
        "id": one.pk,
        "status": one.status,
        "reason": one.reason,
        "scheduled_for": one.scheduled_for,
        "cause": one.cause,
        "by": one.by,
        "new": one.report.get("new"),
        "gone": one.report.get("gone"),
        "detail": one.detail,
    }


def option(text: str) -> tuple[str, Any]:
    """KEY=VALUE is a text, KEY:=VALUE is JSON; as an option's type."""
    key, equals, value = text.partition("=")
    name = key.removesuffix(":")
    if not equals or not name.isidentifier():
        raise ArgumentTypeError(f"{text!r}: give KEY=VALUE, or KEY:=JSON for what is no text")
    try:
        return name, json.loads(value) if key.endswith(":") else value
    except ValueError as problem:
        raise ArgumentTypeError(f"{text!r}: what follows := is JSON") from problem


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
