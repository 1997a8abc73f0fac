"""Runs whose models are remote: one bad passage is one run's trouble, and what answers cost stands in the ledger."""

import json
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from ingestion import stages
from ingestion.models import IngestRun, Memo, Spending
from patches.models import Assertion, Verdict
from tests.builders import make_source
from tests.flying import deliver, runs, standing, work_off
from tests.ingestion.adapters.test_openai_extractor import TEXT, TOLD
from tests.model_server import Reply, chat, passage, serving

pytestmark = pytest.mark.django_db
PRICES = {"input_price": Decimal(2), "output_price": Decimal(10)}


@pytest.fixture
def server(models, settings):  # noqa: ARG001 - it makes the stages forget their models before and after
    with serving() as server:
        server.reply = lambda _: Reply(chat([TOLD]))
        settings.EXTRACTOR, settings.EXTRACTOR_OPTIONS = "openai", server.options(**PRICES)
        stages.table.cache_clear()
        stages.pipeline_recipe.cache_clear()
        yield server


@pytest.fixture
def source(server):  # noqa: ARG001 - what comes of it is read by the server's model
    return make_source()


def try_again():
    IngestRun.objects.filter(status="retry_wait").update(next_attempt_at="2026-01-01T00:00Z")
    work_off()


def test_one_bad_passage_fails_one_run_and_is_all_that_is_asked_again(server, source):
    long = "\n\n".join(
        [f"{'The weather was fine that day. ' * 30}", f"BAD {TEXT}", f"{'It rained the day after. ' * 40}"]
    )
    server.reply = lambda asked: Reply({}, 500) if "BAD" in passage(asked) else Reply(chat([]))
    deliver(source, good=TEXT, long=long)
    work_off()

    assert [status for status, _ in runs(source)] == ["completed", "retry_wait"]
    before = len(server.asked)
    server.reply = lambda _: Reply(chat([]))
    try_again()

    assert [status for status, _ in runs(source)] == ["completed", "completed"]
    assert ["BAD" in passage(asked) for asked in server.asked[before:]] == [True]


def test_a_refusal_ends_the_run_and_says_why(server, source):
    server.reply = lambda asked: Reply(chat("", refusal="no")) if "BAD" in passage(asked) else Reply(chat([]))
    deliver(source, good=TEXT, bad=f"BAD {TEXT}")
    work_off()

    assert standing(source) == {"good": ("ingested", "applied"), "bad": ("failed", "model_refused")}


def test_a_refused_key_pauses_the_source_and_a_new_one_goes_on(server, source):
    server.reply = lambda _: Reply({}, 401)
    deliver(source, a=TEXT)
    work_off()
    source.refresh_from_db()

    assert (source.paused, source.paused_why.partition(":")[0]) == (True, "The remote side does not accept our key")
    assert [status for status, _ in runs(source)] == ["pending"]


def test_a_rate_limit_spends_no_attempt(server, source):
    server.reply = lambda _: Reply({}, 429, {"Retry-After": "30"})
    deliver(source, a=TEXT)
    work_off()

    [run] = IngestRun.objects.all()
    assert (run.status, run.failure, run.attempts) == ("retry_wait", "rate_limited", 0)


def test_what_a_model_invents_is_rejected_by_the_gate(server, source):
    invented = {"quote": "Ann Lee leads Acme Ltd", "object": "Bo Ek"}
    server.reply = lambda _: Reply(
        chat([TOLD, TOLD | invented, TOLD | {"start": "soon"}, TOLD | {"object_type": "place"}])
    )
    deliver(source, a=TEXT)
    work_off()

    checks = Verdict.objects.get().checks
    failed = {name for name, check in checks.items() if not check["passed"]}
    assert {"quote_is_verbatim", "time_makes_sense", "predicate_is_known"} <= failed
    assert [claim.object_text for claim in Assertion.objects.all()] == ["Ann Lee"]


def test_what_answers_cost_is_kept_and_shown_also_when_they_were_no_use(server, source, capsys):
    server.reply = lambda _: Reply(chat("not of the schema"))
    deliver(source, a=TEXT)
    work_off()
    server.reply = lambda _: Reply(chat([TOLD]))
    try_again()

    [run] = IngestRun.objects.all()
    assert run.status == "completed"
    assert [(row.stage, row.input_tokens, row.output_tokens) for row in Spending.objects.all()] == [
        ("fact", 100, 20)
    ] * 2
    call_command("runs", "show", str(run.pk), "--json")
    [cost] = json.loads(capsys.readouterr().out)["runs"][0]["spent"]
    assert (cost["stage"], cost["input_tokens"], Decimal(str(cost["cost"]))) == ("fact", 200, Decimal("0.0008"))
    call_command("runs", "show", str(run.pk))
    assert stages.recipes()["fact"] in capsys.readouterr().out


def test_a_passage_that_two_runs_share_is_paid_for_once(server, source, settings):
    settings.OPEN_FLIGHTS = 1  # both in one
    shared = f"{TEXT} {'It sells rope to many. ' * 45}"
    deliver(source, a=f"{shared}\n\n{'One by one. ' * 90}", b=f"{shared}\n\n{'Two by two. ' * 90}")
    work_off()

    assert [status for status, _ in runs(source)] == ["completed", "completed"]
    assert len(server.asked) == Memo.objects.filter(stage="fact").count() == 3
    assert sorted(Spending.objects.values_list("input_tokens", flat=True)) == [100, 200]


def test_spending_is_only_added_to(source):
    deliver(source, a=TEXT)
    work_off()

    for change in (lambda rows: rows.update(cost=0), lambda rows: rows.delete()):
        with pytest.raises(DatabaseError), transaction.atomic():
            change(Spending.objects.all())


def test_a_question_that_the_model_cannot_turn_into_a_vector_says_so(source, server, settings):
    settings.EMBEDDINGS, settings.EMBEDDINGS_OPTIONS = "openai", server.options(dim=64)
    server.reply = lambda _: Reply({}, 503)

    with pytest.raises(CommandError, match="The remote side did not answer") as caught:
        call_command("search", "who leads?", reflection=source.reflection.name)
    assert caught.value.returncode == 5
