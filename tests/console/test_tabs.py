"""Views of a list: their tabs, those that a person saved, the last one, and what a list is narrowed to."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from console import tabs
from console.models import SavedView
from console.roles import VIEWER
from ingestion.models import Quarantine
from tests.builders import make_handoff, make_reference, make_run, make_source

pytestmark = pytest.mark.django_db(transaction=True)

RUNS, LAST = "/admin/ingestion/ingestrun/", "/admin/ingestion/ingestrun/last/"
SAVE = "/admin/ingestion/ingestrun/views/"
ONE, OTHER = "status__exact=failed&stage__exact=fetch", "status__exact=cancelled"


def shown(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200, answer.headers
    return unescape(answer.content.decode())


def tab_links(page: str) -> dict[str, str]:
    bar = page.partition('<nav class="tabs"')[2].partition("</nav>")[0]
    return {name: address for address, name in re.findall(r'<a href="([^"]*)"[^>]*>([^<]*)</a>', bar)}


def current(page: str) -> list[str]:
    bar = page.partition('<nav class="tabs"')[2].partition("</nav>")[0]
    return re.findall(r'aria-current="page">([^<]*)</a>', bar)


def chips(page: str) -> dict[str, str]:
    """What the list is narrowed to, and where it is not."""
    bar = page.partition('<ul class="chips"')[2].partition("</ul>")[0]
    return {says: address for address, says in re.findall(r'href="([^"]*)"[^>]* aria-label="Without ([^"]*)"', bar)}


def saved(client: Client, name: str, query: str = ONE) -> Client:
    client.post(SAVE, {"name": name, "query": query})
    return client


@pytest.mark.parametrize(
    "name", ["handoffs_handoff", "ingestion_ingestrun", "ingestion_quarantine", "patches_patchbatch", "ledger_event"]
)
def test_every_tab_is_an_address_that_shows_it_as_the_current_one(admin_client: Client, name: str) -> None:
    listed = reverse(f"admin:{name}_changelist")
    found = tab_links(shown(admin_client, listed))

    assert list(found)[-1] == "All"
    for tab, address in found.items():
        assert current(shown(admin_client, listed + address)) == [tab]


def test_a_tab_has_the_rows_that_its_name_says(admin_client: Client) -> None:
    failed, retry, review = make_run("failed"), make_run("retry_wait"), make_run("in_review")
    under_way = [make_run("pending"), make_run("running")]
    rows = {"Needs attention": [failed], "Under way": under_way, "Waiting to retry": [retry], "In review": [review]}
    found = tab_links(shown(admin_client, RUNS))

    for tab, runs in rows.items():
        page = shown(admin_client, RUNS + found[tab])
        assert {int(pk) for pk in re.findall(r"/ingestrun/(\d+)/change/", page)} == {run.pk for run in runs}, tab


def test_the_navigation_leads_to_the_view_that_was_looked_at_last(admin_client: Client) -> None:
    assert f'href="{LAST}"' in shown(admin_client, "/admin/")
    assert admin_client.get(LAST)["Location"] == RUNS

    shown(admin_client, f"{RUNS}?attention=needed&p=1")
    assert admin_client.get(LAST)["Location"] == f"{RUNS}?attention=needed"
    shown(admin_client, f"{RUNS}?q=12&status__exact=failed")  # no tab: a passing question
    assert admin_client.get(LAST)["Location"] == f"{RUNS}?attention=needed"

    assert current(shown(admin_client, RUNS)) == ["All"]  # an address means what it says
    assert admin_client.get(LAST)["Location"] == RUNS


def test_a_view_is_saved_under_a_name_shown_as_a_tab_and_forgotten(admin_client: Client) -> None:
    assert "Save this view" in shown(admin_client, f"{RUNS}?{ONE}")
    assert "Save this view" not in shown(admin_client, RUNS)

    answer = admin_client.post(SAVE, {"name": " Unread ", "query": f"{ONE}&p=3"}, follow=True)
    page = unescape(answer.content.decode())
    assert current(page) == ["Unread"]
    assert f"?{ONE}" in tab_links(page).values()
    assert admin_client.get(LAST)["Location"] == f"{RUNS}?{ONE}"

    [forget] = re.findall(r'action="([^"]*/forget/)"', page)
    gone = admin_client.post(forget, follow=True)
    assert "Unread" not in tab_links(gone.content.decode())
    assert admin_client.get(LAST)["Location"] == RUNS


def test_a_name_means_the_view_that_it_was_given_last(admin_client: Client) -> None:
    saved(saved(admin_client, "mine"), "mine", OTHER)

    assert list(SavedView.objects.values_list("name", "query")) == [("mine", OTHER)]


@pytest.mark.parametrize("name", ["", " ", "x" * 41])
def test_nothing_is_saved_without_a_name_that_fits(admin_client: Client, name: str) -> None:
    page = admin_client.post(SAVE, {"name": name, "query": ONE}, follow=True)

    assert "Give it a name" in page.content.decode()
    assert page.redirect_chain == [(f"{RUNS}?{ONE}", 302)]
    assert not SavedView.objects.exists()


def test_what_is_saved_leads_nowhere_but_to_its_list_and_is_shown_as_text(admin_client: Client) -> None:
    answer = admin_client.post(SAVE, {"name": "<b>x</b>", "query": '//elsewhere/?"><script>'})

    assert answer["Location"].startswith(f"{RUNS}?")
    page = admin_client.get(RUNS).content.decode()
    assert "<script>" not in page.partition('class="tabs"')[2].partition("</nav>")[0]
    assert "<b>x</b>" not in page


def test_so_many_are_saved_and_no_more(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tabs, "MOST", 2)
    for name in ("one", "two", "three", "two"):
        saved(admin_client, name, OTHER if name == "two" else ONE)

    assert set(SavedView.objects.values_list("name", "query")) == {("one", ONE), ("two", OTHER)}


def test_a_view_is_its_owners_alone(admin_client: Client, client: Client) -> None:
    kept = SavedView.objects.get(name="mine") if saved(admin_client, "mine") else None
    assert kept
    person = User.objects.create_user("ann", is_staff=True)
    person.groups.add(Group.objects.get_or_create(name=VIEWER)[0])
    client.force_login(person)

    assert "mine" not in tab_links(shown(client, RUNS))
    client.post(reverse("admin:ingestion_ingestrun_forget_view", args=[kept.pk]))
    assert SavedView.objects.filter(pk=kept.pk).exists()
    saved(client, "mine", OTHER)
    assert current(shown(admin_client, f"{RUNS}?{ONE}")) == ["mine"]


def test_views_are_changed_by_what_is_sent_and_by_no_link(admin_client: Client) -> None:
    saved(admin_client, "mine")
    forget = reverse("admin:ingestion_ingestrun_forget_view", args=[SavedView.objects.get().pk])
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="admin"))

    assert [admin_client.get(address).status_code for address in (SAVE, forget)] == [405, 405]
    assert [strict.post(address).status_code for address in (SAVE, forget)] == [403, 403]
    assert SavedView.objects.count() == 1


def test_the_work_is_the_same_however_much_is_saved_and_listed(
    admin_client: Client, statement_count: Callable[[], int]
) -> None:
    counts = []
    for size in (1, 10):
        for n in range(size):
            make_run("failed")
            saved(admin_client, f"view {n}", f"status__exact=failed&q={n}")
        shown(admin_client, f"{RUNS}?attention=needed")
        statement_count()
        shown(admin_client, f"{RUNS}?attention=needed")
        counts.append(statement_count())

    assert counts[0] == counts[1]


def test_what_a_list_is_narrowed_to_is_said_in_words_and_taken_away_one_by_one(admin_client: Client) -> None:
    source = make_source()
    run = make_run("failed", source=source)
    asked = f"q={run.pk}&reason__exact=corrupt&source__id__exact={source.pk}&status__in=failed%2Cretry_wait"

    found = chips(shown(admin_client, f"{RUNS}?{asked}&p=1"))

    assert list(found) == ["reason: corrupt", f"source: {source}", "status: failed or retry wait", f"search: {run.pk}"]
    assert found[f"source: {source}"] == f"?q={run.pk}&reason__exact=corrupt&status__in=failed%2Cretry_wait"
    assert list(chips(shown(admin_client, RUNS + found["reason: corrupt"]))) == [*list(found)[1:]]
    assert chips(shown(admin_client, f"{RUNS}?attention=needed")) == {"attention: needed": "?"}
    assert chips(shown(admin_client, f"{RUNS}?status__exact=nonsense")) == {"status: nonsense": "?"}
    assert chips(shown(admin_client, RUNS)) == {}


def test_the_quarantine_names_the_item_of_each_run(admin_client: Client, statement_count: Callable[[], int]) -> None:
    counts = []
    listed = "/admin/ingestion/quarantine/?run__status__exact=quarantined"
    shown(admin_client, listed)
    for name in ("tide.md", "ebb.md"):
        reference = make_reference(external_id=name)
        run = make_run("quarantined", handoff=make_handoff("failed", reference=reference))
        Quarantine.objects.create(run=run, stage="fetch", failure="transient")
        statement_count()
        page = shown(admin_client, listed)
        counts.append(statement_count())

    assert "tide.md" in page
    assert "ebb.md" in page
    assert counts[0] == counts[1]
