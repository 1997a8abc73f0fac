"""manage.py patches: batches as an operator sees them, decided on, taken back; and what each of them changes."""

import pytest

from ingestion.auditing import audit
from ingestion.ingesting import register
from ingestion.judging import would_change
from ingestion.sync import sync
from patches.differences import made
from patches.entities import merge
from patches.evaluation.policies import publish
from patches.lookup import entity
from patches.models import Assertion, Passage, PatchBatch
from tests.builders import make_batch, make_source
from tests.flying import deliver, runs, work_off
from tests.ingestion.test_commands import said, told

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]

ALL_ASKED = {"checks": {"source_is_trusted": {"limit": 0}}}
WHY = ("--why", "I know them")


@pytest.fixture
def source():
    return make_source()


def asked(source, text: str) -> PatchBatch:
    """A batch of this text that waits for a person."""
    publish(source.reflection, "all-asked", ALL_ASKED, by="test", why="to try it")
    deliver(source, asked=text)
    work_off()
    return PatchBatch.objects.latest("pk")


def words(changes) -> list[str]:
    return [f"{one.subject} {one.predicate} {one.object}" for one in changes]


def test_batches_are_listed_by_status_and_shown_with_what_the_gate_said(source):
    deliver(source, a="led_by: Acme > Ann [2011..]")
    work_off()
    waiting = asked(source, "led_by: Acme > Bob [2015..]")
    assert [one["id"] for one in said("patches", "list", "--status", "in_review")["batches"]] == [waiting.pk]
    [shown] = said("patches", "show", waiting.pk)["batches"]
    assert [(one["op"], one["says"]) for one in shown["patches"]][1:] == [("assert_fact", "Acme led by Bob")]
    assert shown["verdicts"][0]["decision"] == "review"
    assert [one.partition(":")[0] for one in shown["verdicts"][0]["failed"]] == ["source_is_trusted"]
    assert "Acme led by Bob" in told("patches", "show", waiting.pk)


def test_what_a_waiting_batch_would_change_is_what_it_changes_once_it_is_approved(source):
    deliver(source, a="led_by: Acme > Ann [2011..]\nworks_for: Ann > Acme [2011..]")
    work_off()
    waiting = asked(source, "led_by: Acme > Bob [2015..]\nworks_for: Ann > Acme [2011..]")
    _, before = would_change(waiting.pk)
    assert words(before.closed) == ["Acme led_by Ann"]
    assert words(before.opened) == ["Acme led_by Ann", "Acme led_by Bob"]
    assert [(one.n, one.predicate) for one in before.merged] == [(2, "works_for")]
    assert (before.passages_added, before.passages_gone) == (1, 0)
    assert Assertion.objects.count() == 2
    told("patches", "approve", waiting.pk, *WHY)
    work_off()
    assert sorted(words(made(waiting).opened)) == sorted(words(before.opened))
    assert (made(waiting).closed, made(waiting).merged) == (before.closed, before.merged)
    assert said("patches", "diff", waiting.pk)["batches"][0]["happened"]


def test_a_new_version_takes_away_what_only_the_old_one_said(tmp_path):
    source = register("r", "local_files", "folder", {"root": str(tmp_path)})
    (tmp_path / "a.md").write_text("works_for: Ann > Acme [2011..]\nworks_for: Bob > Acme [2011..]")
    sync(source)
    work_off()
    (tmp_path / "a.md").write_text("works_for: Ann > Acme [2011..]\nand more")
    sync(source)
    work_off()
    newest = made(PatchBatch.objects.latest("pk"))
    assert words(newest.closed) == ["Bob works_for Acme"]
    assert (newest.opened, newest.merged, newest.passages_added, newest.passages_gone) == ([], [], 1, 1)


def test_two_documents_of_one_flight_confirm_each_other_once(source):
    deliver(source, a="works_for: Ann > Acme [2011..]", b="works_for: Ann > Acme [2011..]\nsays b")
    work_off()
    first, second = (made(batch) for batch in PatchBatch.objects.order_by("pk"))
    assert (len(first.merged), len(second.merged)) == (0, 1)


def test_a_persons_own_order_has_a_diff_too(source):
    deliver(source, a="works_for: Ann > Acme [2011..]\nworks_for: Anna > Acme [2011..]")
    work_off()
    one, other = (entity(source.reflection.pk, name) for name in ("Anna", "Ann"))
    order = merge(one, other, by="ann", reason="the same")
    assert words(made(PatchBatch.objects.get(pk=order.batch)).closed) == ["Anna works_for Acme"]


def test_approving_and_rejecting_need_words_and_a_batch_that_is_there(source):
    waiting = asked(source, "led_by: Acme > Ann [2011..]")
    for deed in ("approve", "reject", "revert"):
        told("patches", deed, waiting.pk, status=2)
        told("patches", deed, *WHY, status=2)  # of what?
        assert said("patches", deed, 10**9, *WHY, status=1)["refused"] == {"not_found": 1}
    told("patches", "show", 10**9, status=2)
    told("patches", "approve", waiting.pk, "--without", 7, *WHY, status=2)


def test_a_trial_decides_nothing_and_the_deed_does(source):
    waiting = asked(source, "led_by: Acme > Ann [2011..]\nworks_for: Ann > Acme [2011..]")
    assert said("patches", "approve", waiting.pk, *WHY, "--dry-run")["done"] == {"approved": 1}
    assert runs(source) == [("in_review", "needs_review")]
    assert said("patches", "approve", waiting.pk, *WHY, "--without", 1)["done"] == {"approved": 1}
    work_off()
    assert [one.n for one in Assertion.objects.all()] == [2]
    assert said("patches", "approve", waiting.pk, *WHY, status=1)["refused"] == {"not_in_review": 1}
    assert said("patches", "revert", waiting.pk, *WHY, "--dry-run")["done"] == {"reverted": 1}
    assert Passage.objects.filter(live=True).exists()
    assert "1 facts end" in told("patches", "revert", waiting.pk, *WHY)
    assert not Passage.objects.filter(live=True).exists()
    assert said("patches", "revert", waiting.pk, *WHY, status=1)["refused"] == {"already_reverted": 1}
    assert audit() == []


def test_what_is_rejected_stays_out(source):
    waiting = asked(source, "led_by: Acme > Ann [2011..]")
    assert said("patches", "reject", "--source", source.name, *WHY)["done"] == {"rejected": 1}
    waiting.refresh_from_db()
    assert (waiting.status, waiting.reason) == ("rejected", "person_rejected")


def test_of_a_batch_whose_text_is_gone_nobody_can_say_what_it_would_change():
    batch = make_batch()
    assert said("patches", "diff", batch.pk, status=1)["batches"][0]["changes"] is None
