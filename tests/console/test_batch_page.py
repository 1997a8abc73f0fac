"""A batch's page: what it changes, the words it rests on marked in their passage, and the buttons that work."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from console.evidence import AROUND, Piece, pieces, quoted
from patches.evaluation.policies import publish
from patches.models import Assertion, PatchBatch, Verdict
from tests.builders import make_batch, make_source
from tests.flying import deliver, runs, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("models")]

ALL_ASKED = {"checks": {"source_is_trusted": {"limit": 0}}}
OLD = "led_by: Acme > Ann [2011..]\nworks_for: Ann > Acme [2011..]"
NEW = "led_by: Acme > Bob <b> [2015..]\nworks_for: Ann > Acme [2011..]"


@pytest.fixture
def waiting() -> PatchBatch:
    """It would end a fact, begin two, confirm one, and waits for a person."""
    source = make_source()
    deliver(source, a=OLD)
    work_off()
    publish(source.reflection, "all-asked", ALL_ASKED, by="test", why="to try it")
    deliver(source, b=NEW)
    work_off()
    return PatchBatch.objects.latest("pk")


def address(batch: PatchBatch) -> str:
    return reverse("admin:patches_patchbatch_change", args=[batch.pk])


def shown(client: Client, batch: PatchBatch) -> str:
    return client.get(address(batch)).content.decode()


def decide(client: Client, batch: PatchBatch, deed: str, why: str, **more: object) -> str:
    where = reverse("admin:decide_batch", args=[batch.pk])
    told = client.post(where, {"deed": deed, "why": why, **more}, follow=True).content.decode()
    batch.refresh_from_db()
    return told


def test_it_says_what_would_change_and_which_patch_says_so(admin_client: Client, waiting: PatchBatch) -> None:
    page = shown(admin_client, waiting)

    assert "What it would change now" in page
    assert "<b>2</b> facts begin, <b>1</b> end, <b>1</b> claims confirm" in page
    assert '<tr class="ends"><td><b>- ends</b></td><td>Acme</td><td>led by</td><td>Ann</td>' in page
    assert '<a href="#patch-1">patch 1</a>' in page
    assert "Bob &lt;b&gt;" in page
    assert "Bob <b>" not in page
    assert " style=" not in page


def test_the_words_are_marked_in_their_passage_before_and_after_it_is_applied(
    admin_client: Client, waiting: PatchBatch
) -> None:
    marked = "<mark>led_by: Acme &gt; Bob &lt;b&gt; [2015..]</mark>\nworks_for: Ann"
    assert marked in shown(admin_client, waiting)

    decide(admin_client, waiting, "approve", "I know them")
    work_off()
    page = shown(admin_client, waiting)

    assert marked in page
    assert "What it changed when it was applied" in page
    assert reverse("admin:patches_patchbatch_revert", args=[waiting.pk]) in page
    assert 'value="approve"' not in page


@pytest.mark.parametrize(("deed", "became"), [("approve", "approved"), ("reject", "rejected")])
def test_it_is_decided_with_a_reason_that_is_kept(
    admin_client: Client, waiting: PatchBatch, deed: str, became: str
) -> None:
    decide(admin_client, waiting, deed, "  ")
    assert waiting.status == "in_review"

    decide(admin_client, waiting, deed, "I know them")

    assert waiting.status == became
    last = Verdict.objects.latest("pk")
    assert (last.by, last.why) == ("admin:admin", "I know them")


def test_a_claim_may_stay_out(admin_client: Client, waiting: PatchBatch) -> None:
    decide(admin_client, waiting, "approve", "but for the first", without=[1])
    work_off()

    assert list(Assertion.objects.filter(batch=waiting).values_list("n", flat=True)) == [2]
    assert "stays out" in shown(admin_client, waiting)


def test_what_is_not_a_patch_of_it_cannot_stay_out(admin_client: Client, waiting: PatchBatch) -> None:
    decide(admin_client, waiting, "approve", "hm", without=[7])
    assert "claims of the one batch" in decide(admin_client, waiting, "approve", "hm", without=[0])
    assert waiting.status == "in_review"


def test_only_what_works_is_offered(admin_client: Client, waiting: PatchBatch) -> None:
    assert 'value="approve"' in shown(admin_client, waiting)
    orphan = make_batch(status="in_review")  # its run was cancelled since

    page = shown(admin_client, orphan)

    assert "Nobody waits for it any more" in page
    assert 'value="approve"' not in page
    assert 'value="reject"' in page
    assert 'value="reject"' not in shown(admin_client, make_batch(status="rejected"))


def test_what_fails_a_firm_check_now_cannot_be_approved(admin_client: Client, waiting: PatchBatch) -> None:
    strict = {"checks": {"source_is_trusted": {"limit": 0, "then": "reject"}}}
    publish(waiting.reflection, "strict", strict, by="test", why="to try it")

    page = shown(admin_client, waiting)

    assert "it fails what nobody passes over: source is trusted" in page
    assert 'value="approve"' not in page
    assert runs(waiting.source)[-1] == ("in_review", "needs_review")


def test_a_long_batch_has_pages_and_costs_the_same(admin_client: Client, statement_count: Callable[[], int]) -> None:
    small, large = (make_source() for _ in range(2))
    deliver(small, a="led_by: Acme > Ann [2011..]")
    deliver(large, a="\n".join(f"works_for: Ann{n} > Acme [2011..]" for n in range(60)))
    work_off()
    first, second = (PatchBatch.objects.get(source=source) for source in (small, large))
    shown(admin_client, first)
    statement_count()
    shown(admin_client, first)
    cost = statement_count()

    page = shown(admin_client, second)

    assert statement_count() == cost
    assert page.count('class="patch"') == 50
    later = admin_client.get(address(second), {"patches": "2"}).content.decode()
    assert later.count('class="patch"') == 11
    assert 'id="patch-60"' in later
    assert admin_client.get(address(second), {"patches": "nonsense"}).status_code == 200


def test_words_that_do_not_stand_where_they_should_are_shown_as_such() -> None:
    passages = [Piece(0, 10, "0123456789", "a"), Piece(8, 20, "89abcdefghij", "b")]

    within = quoted(passages, "9ab", 9, 12)
    assert (within.before, within.words, within.after, within.verbatim) == ("8", "9ab", "cdefghij", True)
    assert not quoted(passages, "xyz", 9, 12).verbatim
    assert quoted(passages, "beyond", 30, 36) == quoted([], "beyond", 30, 36)
    across = quoted(passages, "7" * 20, 7, 27)
    assert (across.words, across.verbatim) == ("789", False)


def test_a_long_passage_is_cut_around_the_words() -> None:
    text = "x" * 1000 + "HERE" + "y" * 1000
    found = quoted([Piece(0, len(text), text, "a")], "HERE", 1000, 1004)

    assert (len(found.before), len(found.after), found.cut_before, found.cut_after) == (AROUND, AROUND, True, True)
    assert found.shown.startswith("<blockquote>… xxx")


def test_a_batch_without_a_text_has_no_passages() -> None:
    assert pieces(make_batch()) == []
