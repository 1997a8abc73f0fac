"""The API as a program uses it: over Django's request handling, with tokens of its own."""

import base64
import hashlib
import json
from typing import Any

import pytest
import schemathesis
from django.core.wsgi import get_wsgi_application
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from schemathesis.specs.openapi.checks import positive_data_acceptance

from handoffs import tokens
from handoffs.models import ApiToken, Handoff, Reference
from ingestion import dispatch
from ingestion.api import access
from ingestion.models import IngestRun
from ingestion.traceparents import trace_of
from tests.builders import make_reflection, make_source
from tests.flying import work_off
from tests.model_server import Reply, serving

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("models")]

EVERY = ApiToken.Scope.values
URL = "/api/v1/references"


@pytest.fixture(autouse=True)
def static_files(settings):
    settings.STATIC_ROOT.mkdir(exist_ok=True)  # the web process makes it


@pytest.fixture
def source():
    return make_source(kind="pushed", options={}, name="scraper")


class Caller:
    """A program with a token."""

    def __init__(self, reflection, *scopes: str) -> None:
        self.token, self.secret = tokens.make(reflection, f"caller-{'-'.join(scopes)}", scopes, by="ann")
        self.client = Client()

    def ask(self, method: str, url: str, body: Any = None, **headers: str) -> tuple[int, Any]:
        more = {"authorization": f"Bearer {self.secret}", **headers}
        data = json.dumps(body) if body is not None else ""
        answer = self.client.generic(method, url, data, "application/json", headers=more)
        return answer.status_code, json.loads(answer.content)

    def hand_over(self, *items: dict[str, Any], source: str = "scraper", **headers: str) -> tuple[int, Any]:
        return self.ask("POST", URL, {"source": source, "items": items}, **headers)


@pytest.fixture
def caller(source):
    return Caller(source.reflection, *EVERY)


def note(name: str = "note", text: str = "led_by: Acme > Ann [2011..]", **more: Any) -> dict[str, Any]:
    return {"external_id": name, "text": text, **more}


def test_what_is_handed_over_is_ingested_and_a_replay_makes_nothing(caller):
    status, first = caller.hand_over(note(media_type="text/plain", metadata={"url": "https://example.org/1"}))
    assert (status, first["items"][0]["status"], first["items"][0]["made"]) == (202, "pending", True)
    work_off()
    status, second = caller.hand_over(note())
    assert (status, second["items"][0]["status"], second["items"][0]["made"]) == (200, "ingested", False)
    assert second["items"][0]["handoff_id"] == first["items"][0]["handoff_id"]
    assert (Handoff.objects.count(), IngestRun.objects.count()) == (1, 1)
    found = caller.ask("GET", "/api/v1/facts?about=Acme")[1]["facts"]
    assert [(fact["subject"], fact["object"]) for fact in found] == [("Acme", "Ann")]
    answer = caller.ask("GET", "/api/v1/search?q=Acme")[1]
    assert answer["hits"][0]["documents"] == ["note"]
    assert answer["facts"][0]["object"] == "Ann"


def test_the_callers_trace_is_gone_on_with(caller):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    caller.hand_over(note(), traceparent=f"00-{trace}-00f067aa0ba902b7-01")
    caller.hand_over(note("other", text="other"), traceparent="nonsense'); --")
    work_off()
    own, others = Handoff.objects.order_by("pk")
    assert trace_of(own.traceparent) == trace_of(own.runs.get().flight.traceparent) == trace
    assert trace_of(others.traceparent) not in ("", trace)


def test_a_key_that_comes_again_makes_nothing_even_when_its_bytes_have_been_replaced(caller):
    key = {"idempotency-key": "monday"}
    assert caller.hand_over(note(text="old"), **key)[0] == 202
    assert caller.hand_over(note(text="new"))[0] == 202
    status, answer = caller.hand_over(note(text="old"), **key)
    assert (status, answer["items"][0]["status"]) == (200, "superseded")
    status, problem = caller.hand_over(note(text="other"), **key)
    assert (status, problem["code"]) == (422, "key_reused")


def test_bytes_come_as_text_as_base64_or_from_the_shared_storage(caller, settings, tmp_path):
    settings.SHARED_STORAGE = tmp_path
    (tmp_path / "a.bin").write_bytes(b"shared bytes")
    items = [
        {"external_id": "1", "text": "caf\u00e9"},
        {"external_id": "2", "base64": base64.b64encode(b"raw").decode()},
        {"external_id": "3", "payload_url": "shared:a.bin"},
    ]
    status, answer = caller.hand_over(*items)
    assert status == 202
    hashes = [hashlib.sha256(data).hexdigest() for data in ("caf\u00e9".encode(), b"raw", b"shared bytes")]
    assert [item["payload_hash"] for item in answer["items"]] == hashes


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ({"payload_url": "shared:missing"}, "payload_missing"),
        ({"payload_url": "shared:../outside"}, "not_a_file"),
        ({"payload_url": "shared:/etc/passwd"}, "not_a_file"),
        ({"text": "x" * 2_000}, "too_large"),
        ({"text": "x", "payload_hash": "0" * 64}, "corrupt"),
    ],
)
def test_bytes_that_cannot_be_had_are_refused_by_name_and_the_others_are_taken(
    caller, settings, tmp_path, item, reason
):
    settings.SHARED_STORAGE, settings.SIZE_LIMIT_BYTES = tmp_path / "shared", 1_000
    settings.SHARED_STORAGE.mkdir()
    (tmp_path / "outside").write_text("secret")
    bad = {"external_id": "bad", **item}
    status, problem = caller.hand_over(bad)
    assert (status, problem["code"]) == (422, reason)
    status, answer = caller.hand_over(note(), bad)
    assert (status, [one["reason"] for one in answer["refused"]]) == (202, [reason])
    assert Reference.objects.count() == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"source": "scraper", "items": []},
        {"source": "scraper", "items": [{"external_id": "a"}]},
        {"source": "scraper", "items": [{"external_id": "a", "text": "", "base64": ""}]},
        {"source": "scraper", "items": [note("a"), note("a")]},
        {"source": "scraper", "items": [note("a\0b")]},
        {"source": "scraper", "items": [note(str(n)) for n in range(1_001)]},
    ],
)
def test_a_request_that_makes_no_sense_is_told_what_is_wrong_without_its_words(caller, body):
    status, problem = caller.ask("POST", URL, body)
    assert (status, problem["code"]) == (422, "invalid")
    assert problem["errors"]
    assert "led_by" not in json.dumps(problem)
    assert not Reference.objects.exists()


def test_only_a_source_of_its_own_reflection_that_is_pushed_takes_items(caller, source):
    make_source(reflection=source.reflection, name="folder")
    make_source(kind="pushed", name="elsewhere", options={})
    for name in ("folder", "elsewhere", "nowhere"):
        assert caller.hand_over(note(), source=name)[0] == 404


def test_above_the_high_water_mark_the_caller_is_asked_to_wait(caller, settings):
    settings.BACKLOG = 1
    assert caller.hand_over(note())[0] == 202
    answer = caller.client.post(
        URL,
        {"source": "scraper", "items": [note("later")]},
        "application/json",
        headers={"authorization": f"Bearer {caller.secret}"},
    )
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "30")


@pytest.mark.parametrize("scope", EVERY)
def test_a_token_does_what_its_scopes_say_and_nothing_else(source, scope):
    caller = Caller(source.reflection, scope)
    handoff = Caller(source.reflection, *EVERY).hand_over(note())[1]["items"][0]["handoff_id"]
    asked = {
        "submit": ("POST", URL, {"source": "scraper", "items": [note("another")]}),
        "read": ("GET", f"/api/v1/handoffs/{handoff}", None),
        "operate": ("POST", f"/api/v1/handoffs/{handoff}/cancel", None),
        "ask": ("GET", "/api/v1/search?q=Acme", None),
    }
    for needed, (method, url, body) in asked.items():
        status, answer = caller.ask(method, url, body)
        assert (status == 403) == (needed != scope), (needed, answer)


def test_no_token_no_answer(caller):
    assert Client().get("/api/v1/handoffs").status_code == 401
    for spoil in ({"revoked_at": timezone.now()}, {"expires_at": timezone.now(), "revoked_at": None}):
        ApiToken.objects.filter(pk=caller.token.pk).update(**spoil)
        status, problem = caller.ask("GET", "/api/v1/handoffs")
        assert (status, problem["code"]) == (401, "token_refused")
    assert caller.secret not in json.dumps(list(ApiToken.objects.values()), default=str)


def test_another_reflections_rows_are_not_there(caller):
    stranger = Caller(make_reflection(), *EVERY)
    handoff = caller.hand_over(note())[1]["items"][0]["handoff_id"]
    dispatch.tick()
    run = IngestRun.objects.get().pk
    for url in (f"handoffs/{handoff}", f"runs/{run}"):
        assert caller.ask("GET", f"/api/v1/{url}")[0] == 200
        assert stranger.ask("GET", f"/api/v1/{url}")[0] == 404
    assert stranger.ask("POST", f"/api/v1/handoffs/{handoff}/cancel")[0] == 404
    assert stranger.ask("GET", "/api/v1/handoffs")[1]["handoffs"] == []


def test_handoffs_are_paged_filtered_counted_requeued_and_cancelled(caller):
    caller.hand_over(*(note(str(n), f"text {n}") for n in range(5)))
    page = caller.ask("GET", "/api/v1/handoffs?limit=3")[1]
    rest = caller.ask("GET", f"/api/v1/handoffs?limit=3&after={page['next']}")[1]
    assert [len(page["handoffs"]), len(rest["handoffs"]), rest["next"]] == [3, 2, None]
    first = page["handoffs"][0]["id"]
    assert caller.ask("POST", f"/api/v1/handoffs/{first}/cancel")[1]["done"] == {"cancelled": [first]}
    counted = caller.ask("GET", "/api/v1/handoffs/counts?source=scraper")[1]["counts"]
    assert {(one["status"], one["handoffs"]) for one in counted} == {("pending", 4), ("cancelled", 1)}
    assert caller.ask("POST", f"/api/v1/handoffs/{first}/requeue")[1]["done"] == {"requeued": [first]}
    assert caller.ask("GET", "/api/v1/handoffs?status=cancelled")[1]["handoffs"] == []


def test_a_run_tells_its_timeline_and_why_it_waits(caller):
    caller.hand_over(note())
    work_off()
    status, run = caller.ask("GET", f"/api/v1/runs/{IngestRun.objects.get().pk}")
    assert (status, run["status"], run["timeline"][-1]["became"]) == (200, "completed", "completed")
    assert run["why"][0]["cause"] == "ended"


def test_who_asks_too_often_is_told_when_to_come_back(caller, monkeypatch):
    monkeypatch.setattr(access.PerToken, "parse_rate", lambda *_: (2, 60))
    limited = access.PerToken()

    class Request:
        auth = caller.token
        META: dict[str, str] = {}

    assert [limited.allow_request(Request()) for _ in range(3)] == [True, True, False]  # type: ignore[arg-type]
    assert limited.wait()


def test_a_thousand_references_take_a_constant_number_of_statements(caller, statement_count):
    counts = []
    for batch, size in enumerate((10, 1_000)):
        statement_count()
        assert caller.hand_over(*(note(f"{batch}-{n}", f"text {batch} {n}") for n in range(size)))[0] == 202
        counts.append(statement_count())
    assert counts[0] == counts[1]


def test_every_answer_is_as_described(caller):
    caller.hand_over(note())
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", get_wsgi_application())
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == 9
    for operation in operations:

        @profile(max_examples=15, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
        @given(case=operation.as_strategy())
        def holds(case: Any) -> None:
            # what the description allows may still name a source or bytes that are not there
            case.call_and_validate(
                headers={"Authorization": f"Bearer {caller.secret}"}, excluded_checks=[positive_data_acceptance]
            )

        holds()


def test_a_question_that_the_model_cannot_turn_into_a_vector_is_a_problem_of_ours(caller, settings):
    settings.EMBEDDINGS = "openai"
    with serving() as server:
        settings.EMBEDDINGS_OPTIONS = server.options(dim=64)
        server.reply = lambda _: Reply({}, 503)

        status, problem = caller.ask("GET", "/api/v1/search?q=who")

    assert (status, problem["code"]) == (503, "model_away")
