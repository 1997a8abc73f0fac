"""Issues, pull requests, discussions and what is said in them: what is listed, what slips through, what is deleted."""

from datetime import UTC, datetime, timedelta

import pytest

from handoffs import payloads
from handoffs.models import Reference, Source
from ingestion import reading
from ingestion.connectors.github import threads
from ingestion.ports import Checkpoint, Listed, ScopeComplete
from ingestion.sync import sync
from ledger.failures import Auth, Gone, Malformed, RateLimited, Transient
from tests.ingestion.connectors.github.asking import commit, listing, names, port, source_of

LIMIT = 1 << 20
THREADS = ["issues", "pulls"]
ALL = ["files", "issues", "pulls", "discussions"]


def text(found, name: str) -> str:
    return found.read(name, limit_bytes=LIMIT).data.decode()


def texts(source: Source) -> dict[str, str]:
    live = Reference.objects.filter(source=source, gone_at=None)
    return {r.external_id: payloads.get(r.seen_payload_id).decode() for r in live}


def test_a_poll_without_change_is_one_request_a_list_and_each_is_answered_304(server):
    repository = server.repository
    commit(server, {"a.md": b"a"})
    pull = repository.thread("Graft", "onto quince", pull=True)
    repository.say(repository.thread("Prune", "the pear"), "when?")
    repository.say(pull, "not here", line="a.md")
    repository.reply(repository.discuss("Bees", "how many?"), "two")
    _, cursor = listing(port(server, contents=ALL))
    answers = []
    server.asked()

    with server.peer.answering(lambda request: answers.append(server.answer(request)) or answers[-1]):
        entries, again = listing(port(server, contents=ALL), cursor)
    asked = server.asked()
    assert [line.partition("?")[0] for line in asked] == [
        "GET issues",
        "GET issues/comments",
        "GET pulls/comments",
        "POST /api/graphql",
        "GET commits/HEAD",
    ]
    assert [answer.status for answer in answers] == [304, 304, 304, 200, 304]
    assert names(entries) <= {"discussions/5", "discussion-comments/5/6"}  # of which GraphQL tells the newest again
    assert again == cursor


@pytest.mark.django_db
def test_a_push_of_five_files_beside_all_other_contents_is_eight_requests_or_fewer(server):
    files = {f"docs/{n}.md": f"page {n}".encode() for n in range(5_000)}
    commit(server, files)
    server.repository.say(server.repository.thread("Prune", "the pear"), "when?")
    server.repository.discuss("Bees", "how many?")
    source = source_of(server, contents=ALL)
    assert sync(source).new == 5_003
    server.asked()
    commit(server, {name: data + b", mended" for name, data in list(files.items())[:5]})
    assert sync(source).new == 5
    assert len(server.asked()) == 7


def test_an_issue_says_who_when_and_what_in_a_form_that_is_read(server):
    number = server.repository.thread(
        'Prune: "the" pear #1',
        "It is *time*.\r\n\r\nSoon.",
        labels=[{"name": "care"}, {"name": "tree: pear"}],
        closed_at="2026-02-03T04:05:06Z",
        state="closed",
    )
    found = port(server, contents=THREADS)
    entries, _ = listing(found)
    assert names(entries) == {f"issues/{number}"}
    content = found.read(f"issues/{number}", limit_bytes=LIMIT)
    assert content.metadata == {
        "title": 'Prune: "the" pear #1',
        "url": f"https://github.com/acme/orchard/issues/{number}",
        "author": "ann",
    }
    document = reading.read(content.data, f"issues/{number}", content.media_type)
    assert (document.title, document.dated, document.markdown) == ('Prune: "the" pear #1', "2026-01-05", True)
    assert document.text == (
        """---
title: 'Prune: "the" pear #1'
kind: issue
number: 1
state: closed
author: ann
tags: [care, 'tree: pear']
created: '2026-01-05'
closed: '2026-02-03'
---

# Prune: "the" pear #1

It is *time*.

Soon.
"""
    )


def test_pulls_comments_and_reviews_go_by_their_kind_and_only_the_wanted_are_listed(server):
    repository = server.repository
    issue = repository.thread("Prune", "the pear")
    pull = repository.thread("Graft", "onto quince", pull=True, pull_request={"merged_at": "2026-03-04T00:00:00Z"})
    first, second = repository.say(issue, "when?"), repository.say(pull, "why?", user=None)
    third = repository.say(pull, "not here", line="a.md")
    found = port(server, contents=THREADS)
    entries, _ = listing(found)
    of_pulls = {f"pulls/{pull}", f"pull-comments/{second}", f"review-comments/{third}"}
    assert names(entries) == {f"issues/{issue}", f"issue-comments/{first}"} | of_pulls
    assert "state: merged" in text(found, f"pulls/{pull}")
    assert "on: pull request 2\nauthor: ghost" in text(found, f"pull-comments/{second}")
    assert "file: a.md" in text(found, f"review-comments/{third}")
    assert names(listing(port(server, contents=["pulls"]))[0]) == of_pulls


def test_what_was_listed_needs_no_request_to_be_read_and_what_was_not_one(server):
    number = server.repository.thread("Prune", "the pear")
    said = server.repository.say(number, "when?")
    found = port(server, contents=THREADS)
    listing(found)
    server.asked()
    whole = text(found, f"issues/{number}")
    assert server.asked() == []
    other = port(server, contents=THREADS)
    assert text(other, f"issues/{number}") == whole
    assert "when?" in text(other, f"issue-comments/{said}")
    assert len(server.asked()) == 2
    with pytest.raises(Gone):
        text(other, "issues/99")
    with pytest.raises(Malformed):
        other.read(f"issues/{number}", limit_bytes=3)


@pytest.mark.parametrize("most", [1, 2, 3, 100])
@pytest.mark.parametrize("ties", [1, 2, 5, 12])
def test_items_of_one_moment_are_all_listed_whatever_a_page_holds(server, monkeypatch, most, ties):
    monkeypatch.setattr(threads, "PAGE", most)
    for n in range(12):
        number = server.repository.thread(f"leaf {n}", "fell")
        moment = datetime(2026, 1, 5, 12, tzinfo=UTC) + timedelta(seconds=n // ties)
        server.repository.issues[number]["updated_at"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    entries, cursor = listing(port(server, contents=["issues"]))
    assert len(names(entries)) == 12
    late = server.repository.thread("late", "fell")
    server.repository.issues[late]["updated_at"] = server.repository.issues[12]["updated_at"]
    assert f"issues/{late}" in names(listing(port(server, contents=["issues"]), cursor)[0])


@pytest.mark.django_db
def test_an_issue_that_changes_while_pages_are_turned_shifts_none_out_of_sight(server):
    server.page_most = 3
    for n in range(12):
        server.repository.thread(f"leaf {n}", "green")
    source = source_of(server, contents=["issues"])
    turned = []

    def change(request):
        if request.path.endswith("/issues"):
            turned.append(request)
            if len(turned) == 3:  # one that was listed goes to the end, and all behind it move up
                server.repository.issues[1] |= {"body": "red", "updated_at": server.repository.tick()}

    with server.peer.answering(change):
        sync(source)
    found = texts(source)
    assert set(found) == {f"issues/{n}" for n in range(1, 13)}
    assert "red" in found["issues/1"]


@pytest.mark.django_db
def test_a_limit_in_the_middle_keeps_what_was_listed_and_goes_on_there(server):
    server.page_most = 2
    for n in range(9):
        server.repository.thread(f"leaf {n}", "green")
    source = source_of(server, contents=["issues"])
    busy = server.peer.answering(lambda _: server.busy(_) if len(server.peer.asked) > 2 else None)
    with busy, pytest.raises(RateLimited):
        sync(source)
    taken = Reference.objects.count()
    assert taken >= 2
    server.asked()
    assert sync(source).new == 9 - taken
    assert "since=" in server.asked()[0]


@pytest.mark.django_db
def test_a_change_is_one_request_for_its_list_and_the_rest_is_unchanged(server):
    repository = server.repository
    for n in range(5):
        repository.thread(f"leaf {n}", "green")
    source = source_of(server, contents=["issues"])
    sync(source)
    server.asked()
    repository.issues[2] |= {"body": "red", "updated_at": repository.tick()}
    found = sync(source)
    assert (found.new, found.gone) == (1, 0)
    assert len(server.asked()) == 2
    assert sync(source).listed == 0


@pytest.mark.django_db
def test_what_is_deleted_is_gone_once_the_lists_are_whole_again(server):
    repository = server.repository
    for n in range(6):
        repository.say(repository.thread(f"leaf {n}", "green"), "falls")
    source = source_of(server, contents=["issues"], reconcile_days=7)
    sync(source)
    del repository.issues[3], repository.comments[6]
    assert sync(source).gone == 0
    age(source, days=6)
    assert sync(source).gone == 0
    age(source, days=8)
    found = sync(source)
    assert (found.gone, found.new, found.touched) == (2, 0, 0)
    assert set(texts(source)).isdisjoint({"issues/3", "issue-comments/6"})


def age(source: Source, *, days: int) -> None:
    source.refresh_from_db()
    then = (datetime.now(UTC) - timedelta(days=days)).isoformat()
    source.cursor = {name: part | {"whole": then} for name, part in source.cursor.items()}
    source.save(update_fields=["cursor"])


@pytest.mark.django_db
def test_a_list_that_is_switched_off_tells_nothing_and_retires_nothing(server):
    server.repository.thread("Prune", "the pear")
    commit(server, {"a.md": b"a"})
    source = source_of(server, contents=["files", "issues"])
    sync(source)
    age(source, days=8)

    def off(request):
        return server.told_off(request) if request.path.endswith("/issues") else None

    with server.peer.answering(off):
        assert sync(source, accept_deletions=True).gone == 0
    assert set(texts(source)) == {"issues/1", "files/a.md"}


def test_an_entity_tag_is_not_shown_to_another_token(server):
    server.repository.thread("Prune", "the pear")
    _, cursor = listing(port(server, contents=["issues"]))
    server.token = "ghp_another"  # noqa: S105  a test's
    _, again = listing(port(server, contents=["issues"]), cursor)
    assert "if-none-match" not in server.peer.asked[-2].headers
    assert server.token not in str(again)
    server.asked()
    assert names(listing(port(server, contents=["issues"]), again)[0]) == set()


def test_an_issue_that_was_moved_away_is_gone(server):
    server.repository.thread("Prune", "the pear")
    moved = server.repository.issues[1] | {"number": 77}
    found = port(server, contents=["issues"])
    with server.peer.answering(lambda _: server.told(moved)), pytest.raises(Gone):
        text(found, "issues/1")


# discussions


def discussing(server, count: int) -> None:
    for n in range(count):
        number = server.repository.discuss(f"Bees {n}", "how many?")
        for _ in range(3):
            said = server.repository.reply(number, "two")
            for _ in range(3):
                server.repository.reply(number, "three", to=said)


@pytest.mark.parametrize("most", [2, 100])
def test_discussions_are_listed_with_all_that_is_said_in_them(server, most):
    server.page_most = most
    discussing(server, 3)
    found = port(server, contents=["discussions"])
    entries, cursor = listing(found)
    assert len(names(entries)) == 3 * (1 + 3 + 9)
    assert "tags: [help, Ideas]" in text(found, "discussions/1")
    assert "on: discussion 1\nauthor: ghost" in text(found, "discussion-comments/1/3")
    assert "three" in text(port(server, contents=["discussions"]), "discussion-comments/1/3")

    server.repository.reply(1, "late")
    changed = [
        entry for entry in listing(port(server, contents=["discussions"]), cursor)[0] if isinstance(entry, Listed)
    ]
    assert {entry.external_id.split("/")[1] for entry in changed} == {"1", "27"}  # and the one that was newest


def test_a_break_between_pages_of_discussions_goes_on_where_it_was(server):
    server.page_most = 1
    for n in range(4):
        server.repository.discuss(f"Bees {n}", "how many?")
    found = port(server, contents=["discussions"])
    entries, reached = [], {}
    busy = server.peer.answering(lambda _: server.busy(_) if len(server.peer.asked) > 2 else None)
    with busy, pytest.raises(RateLimited):
        for entry in found.list({}):
            entries.append(entry)
            reached = entry.cursor if isinstance(entry, Checkpoint) else reached
    late = server.repository.discuss("Wasps", "none")
    rest, cursor = listing(port(server, contents=["discussions"]), reached)
    assert names(entries) | names(rest) == {f"discussions/{n}" for n in range(1, 5)}
    assert names(listing(port(server, contents=["discussions"]), cursor)[0]) >= {f"discussions/{late}"}


def test_discussions_that_are_listed_whole_say_so(server):
    discussing(server, 2)
    _, cursor = listing(port(server, contents=["discussions"], reconcile_days=0))
    entries, _ = listing(port(server, contents=["discussions"], reconcile_days=0), cursor)
    scopes = [entry for entry in entries if isinstance(entry, ScopeComplete)]
    assert scopes == [ScopeComplete(2, below="discussions/"), ScopeComplete(24, below="discussion-comments/")]


@pytest.mark.parametrize(
    ("kind", "failure"),
    [("RATE_LIMITED", RateLimited), ("FORBIDDEN", Auth), ("NOT_FOUND", Gone), ("SOMETHING_ELSE", Transient)],
)
def test_a_query_that_fails_says_how_in_its_answer(server, kind, failure):
    said = {"data": {"repository": None}, "errors": [{"type": kind, "message": "no"}]}
    with server.peer.answering(lambda _: server.told(said)), pytest.raises(failure) as seen:
        listing(port(server, contents=["discussions"]))
    assert type(seen.value) is failure
