"""The admin over real rows of every table: pages answer, nobody adds or deletes, lists cost the same at any size."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.utils import quote
from django.contrib.auth.models import User
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now
from psycopg.types.range import Range

from console.models import Operation
from handoffs import tokens
from handoffs.models import Secret, Source, Submission
from ingestion.models import (
    Approval,
    IngestRun,
    Memo,
    Occurrence,
    Quarantine,
    RetryRule,
    Schedule,
    Spending,
    StageOutput,
    Turn,
    Visit,
)
from ledger import listing
from ledger.models import Event, Seal
from patches.models import (
    Alias,
    ApplyTransaction,
    Assertion,
    BatchLife,
    Carrier,
    Entity,
    Fact,
    GatePolicy,
    GoldenQuestion,
    Identity,
    Passage,
    Patch,
    PatchBatch,
    Predicate,
    ReferenceVersion,
    UncarriedBatch,
    Verdict,
)
from tests.builders import (
    make_batch,
    make_flight,
    make_handoff,
    make_occurrence,
    make_payload,
    make_reference,
    make_run,
    make_source,
)

APPS = ("ledger", "handoffs", "patches", "ingestion")
TABLES = [model for app in APPS for model in apps.get_app_config(app).get_models()]
MODELS = [model for model, page in admin.site._registry.items() if isinstance(page, listing.Listing)]
CLAIM = {
    "subject": "Ada",
    "predicate": "located_in",
    "object": "Newbridge",
    "quote": "Ada lives in Newbridge.",
    "from": "2022-09",
    "to": None,
}
CHECKS = {"quote_is_verbatim": {"value": 1, "threshold": 0, "passed": False, "offenders": [1]}}

pytestmark = pytest.mark.django_db


def make_history(source: Source | None = None) -> IngestRun:
    """One run with everything that can hang on it: a row in every table."""
    source = source or make_source()
    reference = make_reference(source, seen_payload=(payload := make_payload()))
    batch = make_batch(source, "applied", title="A <b>title</b>")
    handoff = make_handoff("failed", reference=reference, payload=payload)
    run = make_run("quarantined", handoff=handoff, batch=batch, detail="ValueError")
    make_run("running", source=source)
    Quarantine.objects.create(run=run, stage="fact", failure="unexpected", traceback="Traceback <most recent>")
    StageOutput.objects.create(run=run, stage="fetch", recipe="reading/1", data={"text": "told & kept"})
    Spending.objects.create(run=run, stage="fact", recipe="openai-m", input_tokens=100, output_tokens=20, cost=1)
    used = {name: 1 for name in ("waited_s", "took_s", "cpu_s", "peak_bytes", "size_bytes")}
    aboard = {"runs": [run.pk], "weights": [1], "items": [1]}
    Visit.objects.create(flight=make_flight(source), source=source, stage="fact", **used, **aboard)
    Turn.objects.get_or_create(source=source)
    Schedule.objects.get_or_create(source=source, every_s=60, next_at="2026-01-01T00:00Z")
    make_occurrence("done", source=source)
    asks, _ = User.objects.get_or_create(username="asks")
    Approval.objects.create(source=source, why="asked for", asked_by=asks, expires_at="2099-01-01T00:00Z")
    Secret.objects.get_or_create(source=source, name="password", sealed="sealed", set_by="somebody")
    Memo.objects.create(stage="embed", recipe="hashing", text_hash=uuid4().hex, vector=[0.0, 1.0])
    Event.objects.create(
        lifecycle="run", row_id=run.pk, was="running", became="quarantined", reason="unexpected", by="somebody"
    )
    make_knowledge(batch)
    began = now()
    ann, _ = User.objects.get_or_create(username="ann")
    Operation.objects.create(deed="run.cancel", why="to try it", person=ann, by="ann", upto=1, matched=1)
    Seal.objects.create(
        since=began, until=began + timedelta(microseconds=1), events=1, previous=uuid4().hex, digest=uuid4().hex
    )
    token, _ = tokens.make(source.reflection, f"caller-{run.pk}", ["read"], by="somebody")
    Submission.objects.create(token=token, key="monday", body_hash="h")
    Carrier.objects.create(reference=reference, batch=batch)
    ReferenceVersion.objects.create(reference=reference, batch=batch, payload=payload)
    return run


def make_knowledge(batch: PatchBatch) -> None:
    Patch.objects.create(batch=batch, n=0, op="put_passages", payload={"spans": [[0, 5, "hash"]]})
    Patch.objects.create(batch=batch, n=1, op="assert_fact", payload=CLAIM)
    GoldenQuestion.objects.create(reflection=batch.reflection, question="Where?", documents=["a"], by="ann")
    Verdict.objects.create(batch=batch, digest="d", decision="approve", policy="default-1", checks=CHECKS, rejected=[1])
    UncarriedBatch.objects.create(batch=batch)
    moment = ApplyTransaction.objects.create(reflection=batch.reflection)
    BatchLife.objects.create(batch=batch, sys=Range(moment.seq, None))
    Passage.objects.create(
        reflection=batch.reflection, batch=batch, n=0, start=0, end=5, text="Ada's", text_hash="h", vector=[1.0]
    )
    predicate, _ = Predicate.objects.get_or_create(
        name="located_in", defaults={"label": "is in", "cardinality": "single", "subject_types": [], "object_types": []}
    )
    subject = Entity.objects.create(id=uuid4(), reflection=batch.reflection, type="person", key=uuid4().hex, name="Ada")
    said: dict[str, Any] = {
        "reflection": batch.reflection,
        "slot": uuid4(),
        "subject": subject,
        "predicate": predicate,
        "object_text": "Newbridge",
        "object_key": "newbridge",
        "valid": Range(None, None),
        "precision": "month",
        "basis": "stated",
    }
    other = Entity.objects.create(id=uuid4(), reflection=batch.reflection, type="person", key=uuid4().hex, name="A.")
    Identity.objects.create(batch=batch, n=2, entity=other, same_as=subject)
    Alias.objects.create(entity=other, canonical=subject, sys=Range(moment.seq, None))
    Assertion.objects.create(batch=batch, n=1, quote="Ada lives in Newbridge.", start=0, end=5, **said)
    Fact.objects.create(sys=Range(moment.seq, None), **said)


def address(model: type[models.Model], page: str, *arguments: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def page_of(row: models.Model) -> str:
    return address(type(row), "change", quote(row.pk))


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, (url, answer.status_code)
    return answer.content.decode()


def test_every_table_is_in_the_admin_and_all_but_the_operators_own_are_read_mostly() -> None:
    assert {model for model in TABLES if not admin.site.is_registered(model)} == set()
    assert set(TABLES) - set(MODELS) == {RetryRule, GatePolicy}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_every_table_has_a_list_and_a_page_per_row(admin_client: Client, model: type[models.Model]) -> None:
    make_history()
    row = model._default_manager.order_by("pk").first()
    assert row is not None

    assert (
        page_of(row) in text_of(admin_client, address(model, "changelist"))
        or not admin.site._registry[model].list_display_links
    )
    assert "See also" in text_of(admin_client, page_of(row))


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_nobody_adds_or_deletes_a_row(admin_client: Client, model: type[models.Model]) -> None:
    make_history()
    row = model._default_manager.order_by("pk").first()
    assert row is not None

    if model is not Predicate:  # operators add what their extractors say
        assert admin_client.post(address(model, "add"), {}).status_code == 403
    assert admin_client.post(address(model, "delete", quote(row.pk)), {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [str(row.pk)], "post": "yes"}
    admin_client.post(address(model, "changelist"), chosen)
    assert model._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label)
def test_a_list_costs_the_same_number_of_statements_at_any_size(
    admin_client: Client, model: type[models.Model], statement_count: Callable[[], int]
) -> None:
    source = make_source()
    make_history(source)
    text_of(admin_client, address(model, "changelist"))  # what is loaded once, such as content types
    statement_count()
    text_of(admin_client, address(model, "changelist"))
    few = statement_count()
    for _ in range(5):
        make_history(make_source())
    statement_count()

    text_of(admin_client, address(model, "changelist"))

    assert statement_count() == few <= 7  # two of them bound what the others take


def test_a_run_tells_its_whole_story_on_one_page(admin_client: Client) -> None:
    run = make_history()

    page = text_of(admin_client, page_of(run))

    assert "Traceback &lt;most recent&gt;" in page
    assert "ValueError" in page
    assert '<span class="state quarantined">' in page
    assert "somebody" in page
    assert page_of(run.outputs.get()) in page
    assert page_of(run.handoff) in page
    assert page_of(run.handoff.reference) in page


def test_a_batch_shows_its_patches_its_checks_and_its_carriers(admin_client: Client) -> None:
    batch = make_history().batch
    assert batch is not None

    page = text_of(admin_client, page_of(batch))

    assert "Ada – located in – Newbridge (2022-09 to …)" in page
    assert "quote is verbatim" in page
    assert '<span class="state no">' in page
    assert page_of(batch.carriers.get().reference) in page
    assert "A &lt;b&gt;title&lt;/b&gt;" in page
    assert f"{address(Passage, 'changelist')}?batch__id__exact={batch.pk}" in page


def test_a_row_leads_to_the_lists_of_what_points_to_it(admin_client: Client) -> None:
    mine, other = make_history(), make_history()
    link = f"{address(IngestRun, 'changelist')}?source__id__exact={mine.source_id}"

    assert link in text_of(admin_client, page_of(mine.source))
    narrowed = text_of(admin_client, link)

    assert page_of(mine) in narrowed
    assert page_of(other) not in narrowed
    assert "By source" in narrowed


@pytest.mark.parametrize("nonsense", ["source__id__exact=x", "source__id__exact=999999", "p=4000"])
def test_a_list_survives_a_mistyped_address(admin_client: Client, nonsense: str) -> None:
    make_history()

    assert admin_client.get(f"{address(IngestRun, 'changelist')}?{nonsense}", follow=True).status_code == 200


@pytest.mark.parametrize(
    "term",
    [
        lambda run: str(run.pk),
        lambda run: str(run.handoff.reference_id),
        lambda run: run.handoff.payload_id[:10],
        lambda run: run.handoff.reference.external_id[:-3],
    ],
    ids=["id", "reference", "hash", "name"],
)
def test_a_search_is_answered_by_the_shape_of_its_term(admin_client: Client, term: Callable[[IngestRun], str]) -> None:
    mine, other = make_history(), make_history()

    found = admin_client.get(address(IngestRun, "changelist"), {"q": f" {term(mine)} "}).content.decode()

    assert page_of(mine) in found
    assert page_of(other) not in found


def test_events_are_found_by_the_row_that_they_are_of(admin_client: Client) -> None:
    run = make_history()

    history = admin_client.get(address(IngestRun, "history", run.pk), follow=True)

    assert history.redirect_chain
    assert 'field-by">somebody<' in history.content.decode()
    assert (
        'field-by">somebody<' not in admin_client.get(address(Event, "changelist"), {"q": "flight 1"}).content.decode()
    )


def test_a_long_list_is_counted_no_further_than_it_is_paged(
    admin_client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "COUNTED", 2)
    source = make_source()
    runs = [make_run("completed", source=source) for _ in range(3)]

    page = text_of(admin_client, address(IngestRun, "changelist"))

    assert len(runs) > 2
    assert "2 ingest runs" in page
    assert "There are more" in page


def test_saving_a_source_writes_only_what_was_edited(admin_client: Client) -> None:
    source = make_source(options={"root": "/x"})
    same = '{"root": "/x"}'
    form = {"priority": "0", "weight": "7", "trust": "2", "options": same, "kind": "imap", "last_error": "forged"}

    with CaptureQueriesContext(connection) as said:
        answer = admin_client.post(page_of(source), form)

    assert answer.status_code == 302
    [update] = [one["sql"] for one in said if one["sql"].startswith('UPDATE "handoffs_source"')]
    assert "last_error" not in update  # sync may have written it since the page was shown
    source.refresh_from_db()
    assert (source.priority, source.weight, source.paused) == (0, 7, False)
    assert (source.options, source.kind, source.last_error) == ({"root": "/x"}, "local_files", "")


def test_options_of_a_source_are_edited_as_the_command_does_it(admin_client: Client, tmp_path: Path) -> None:
    source = make_source(options={"root": str(tmp_path)})

    def save(options: str) -> str:
        form = {"priority": "1", "weight": "1", "trust": "1", "options": options}
        return admin_client.post(page_of(source), form, follow=True).content.decode()

    for wrong, says in (
        ('{"root": "/nowhere"}', "make it"),
        ("[]", "an object"),
        (json.dumps({"root": str(tmp_path), "deep": 1}), "unexpected keyword"),
    ):
        assert says in save(wrong)
        source.refresh_from_db()
        assert source.options == {"root": str(tmp_path)}
    save(json.dumps({"root": str(tmp_path), "hidden": True}))
    source.refresh_from_db()
    assert source.options == {"root": str(tmp_path), "hidden": True}
    [noted] = Event.objects.filter(lifecycle="source", row_id=source.pk)
    assert (noted.reason, noted.by, noted.note) == ("source_changed", "admin:admin", "hidden")


def test_a_source_is_paused_resumed_and_synced_by_its_actions(admin_client: Client) -> None:
    source = make_source()

    def do(action: str, **more: str) -> None:
        chosen = {"action": action, "_selected_action": [str(source.pk)], **more}
        assert admin_client.post(address(Source, "changelist"), chosen).status_code == 302
        source.refresh_from_db()

    do("pause", why="the share is moved")
    assert (source.paused, source.paused_why) == (True, "the share is moved")
    do("resume")
    assert (source.paused, source.paused_why) == (False, "")
    do("sync")
    assert Occurrence.objects.get().source == source
    told = Event.objects.filter(lifecycle="source", row_id=source.pk).order_by("pk")
    assert [(event.became, event.by != "") for event in told] == [("paused", True), ("active", True)]


def test_a_run_cannot_be_edited(admin_client: Client) -> None:
    run = make_history()

    assert admin_client.post(page_of(run), {"status": "completed"}).status_code == 403
    run.refresh_from_db()
    assert run.status == "quarantined"
