"""A repository's files: what GitHub is asked, how often, and what its refusals come to."""

from datetime import timedelta
from threading import Event

import pytest

from handoffs import payloads
from handoffs.models import Reference
from ingestion.connectors.github import GitHub, blobs
from ingestion.ports import Entry, ScopeComplete, Unlisted
from ingestion.sync import sync
from ledger.failures import Auth, Failure, Gone, Malformed, RateLimited, Timeout, Transient
from ledger.reasons import Reason
from tests.ingestion.connectors.github.asking import commit, listing, names, port, source_of
from tests.peers.github import git_hash, told
from tests.peers.http import Answer, Peer
from tests.peers.tls import self_signed

LIMIT = 1 << 20


def read_all(port: GitHub, entries: list[Entry]) -> dict[str, bytes]:
    wanted = sorted(names(entries))
    port.expect(wanted)
    return {name: port.read(name, limit_bytes=LIMIT).data for name in wanted}


def many(count: int) -> dict[str, bytes]:
    return {f"docs/{n % 50}/page {n}.md": f"page {n}".encode() for n in range(count)}


# requests


@pytest.mark.django_db
def test_five_thousand_files_cost_four_requests_no_change_one_and_a_push_of_five_three(server):
    commit(server, many(5_000))
    source = source_of(server)
    assert sync(source).new == 5_000
    first = server.asked()
    assert [line.partition("?")[0].rpartition("/")[0] for line in first] == [
        "GET commits",
        "GET git/trees",
        "GET tarball",
        "GET /codeload",
    ]

    assert sync(source).listed == 0
    assert server.asked() == ["GET commits/HEAD"]

    commit(server, {f"docs/{n}/page {n}.md": f"page {n}, mended".encode() for n in range(5)})
    found = sync(source)
    assert (found.new, found.unchanged, found.gone) == (5, 4_995, 0)
    assert len(server.asked()) == 3
    assert (
        payloads.get(Reference.objects.get(external_id="files/docs/3/page 3.md").seen_payload_id) == b"page 3, mended"
    )


def test_without_a_key_blobs_are_asked_for_one_by_one(server):
    commit(server, {"a.md": b"a", "b.md": b"b"})
    server.token = ""
    entries, _ = listing(port(server))
    found = port(server)
    entries = list(found.list({}))
    server.asked()
    assert read_all(found, entries) == {"files/a.md": b"a", "files/b.md": b"b"}
    assert [line.partition("/")[0] for line in server.asked()] == ["GET git", "GET git"]


def test_bytes_that_no_query_can_carry_come_one_by_one_and_are_the_same(server):
    odd = {
        "latin.txt": "café".encode("latin-1"),
        "picture.png": b"\x89PNG\0\0",
        "crlf.md": b"a\r\nb\r\n",
        "bom.md": b"\xef\xbb\xbfa",
        "empty.md": b"",
        "plain.md": "näive".encode(),
        "twin.md": "näive".encode(),
    }
    commit(server, odd)
    found = port(server)
    entries = list(found.list({}))
    server.asked()
    assert read_all(found, entries) == {f"files/{name}": data for name, data in odd.items()}
    assert sorted(line.partition("/")[0] for line in server.asked()) == ["GET git", "GET git", "POST "]


def test_what_attributes_keep_out_of_the_archive_is_read_all_the_same(server, monkeypatch):
    monkeypatch.setattr(blobs, "ARCHIVE_FROM", 5)
    commit(server, many(8))
    server.ignored = {"docs/3/page 3.md"}
    found = port(server)
    entries = list(found.list({}))
    assert read_all(found, entries) == {f"files/{name}": data for name, data in many(8).items()}
    assert len([line for line in server.asked() if "git/blobs" in line]) == 1


@pytest.mark.parametrize("cut", [True, False], ids=["cut short", "not to be had"])
def test_an_archive_that_fails_costs_one_item_until_the_next_sync(server, monkeypatch, cut):
    monkeypatch.setattr(blobs, "ARCHIVE_FROM", 5)
    commit(server, many(8))
    found = port(server)
    entries = list(found.list({}))
    wanted = sorted(names(entries))
    found.expect(wanted)
    server.archive_is_off = not cut
    with server.peer.cut_at(1 if cut else 99), pytest.raises(Transient):
        found.read(wanted[0], limit_bytes=LIMIT)
    assert [found.read(name, limit_bytes=LIMIT).data.decode() for name in wanted[1:3]] == ["page 1", "page 2"]


def test_a_server_without_graphql_gives_its_blobs_one_by_one(server):
    commit(server, many(4))
    server.graphql_is_shut = True
    found = port(server)
    assert read_all(found, list(found.list({}))) == {f"files/{name}": data for name, data in many(4).items()}


def test_a_tree_that_is_cut_short_is_walked(server):
    commit(server, many(60) | {"top.md": b"top"})
    whole = names(listing(port(server))[0])
    server.tree_most = 55  # more than any folder has, fewer than there are
    entries, _ = listing(port(server))
    assert names(entries) == whole
    assert ScopeComplete(61, (), "files/") in entries


def test_a_folder_too_large_to_be_told_hides_what_is_in_it_and_nothing_there_is_gone(server):
    commit(server, many(4) | {f"wide/{n}.md": b"wide" for n in range(8)})
    server.tree_most = 5
    entries, _ = listing(port(server))
    assert Unlisted("files/wide/", Reason.TOO_LARGE) in entries
    [scope] = [entry for entry in entries if isinstance(entry, ScopeComplete)]
    assert (scope.below, scope.except_below) == ("files/", ("files/wide/",))


# what there is


def test_links_submodules_hidden_and_excluded_files_are_passed_over(server):
    server.repository.links, server.repository.submodules = {"link.md"}, {"vendored"}
    files = ["a.md", "b.txt", "link.md", "vendored", ".github/c.md", "drafts/old/d.md", "kept/e.md"]
    commit(server, {name: name.encode() for name in files})
    entries, _ = listing(port(server, include=["*.md", "link*", "vendored"], exclude=["drafts"]))
    assert names(entries) == {"files/a.md", "files/kept/e.md"}
    assert {entry for entry in entries if isinstance(entry, Unlisted)} == {
        Unlisted("files/link.md", Reason.NOT_A_FILE),
        Unlisted("files/vendored", Reason.NOT_A_FILE),
    }
    assert "files/.github/c.md" in names(listing(port(server, hidden=True))[0])


def test_other_patterns_list_the_same_commit_again(server):
    commit(server, {"a.md": b"a", "b.txt": b"b"})
    _, cursor = listing(port(server, include=["*.md"]))
    assert names(listing(port(server, include=["*.md"]), cursor)[0]) == set()
    assert names(listing(port(server), cursor)[0]) == {"files/a.md", "files/b.txt"}


@pytest.mark.django_db
def test_a_force_push_leaves_what_the_branch_has_now(server):
    commit(server, {"a.md": b"a", "b.md": b"b", "c.md": b"c"})
    source = source_of(server)
    sync(source)
    del server.repository.files["b.md"]
    server.repository.files["c.md"] = b"another history"
    server.repository.commit(parent="0" * 40)
    found = sync(source)
    assert (found.new, found.gone, found.unchanged) == (1, 1, 1)


@pytest.mark.django_db
def test_a_blob_that_a_force_push_took_away_is_missed_until_the_next_listing(server):
    commit(server, {"a.md": b"a", "b.md": b"b"})
    server.repository.lost.add(git_hash("blob", b"b"))
    source = source_of(server)
    found = sync(source)
    assert (found.new, found.skipped, found.gone) == (1, {Reason.VANISHED: 1}, 0)
    commit(server, {"b.md": b"better"})
    assert sync(source).new == 1


def test_an_item_can_be_read_without_a_listing(server):
    commit(server, {"a b/ü%.md": b"a"})
    assert port(server).read("files/a b/ü%25.md", limit_bytes=LIMIT).data == b"a"
    with pytest.raises(Malformed):
        port(server).read("files/a b/ü%25.md", limit_bytes=0)
    with pytest.raises(Gone):
        port(server).read("files/none.md", limit_bytes=LIMIT)


# refusals


@pytest.mark.parametrize("mood", ["primary", "secondary", "busy"])
@pytest.mark.parametrize("exchange", [0, 1, 2])
@pytest.mark.django_db
def test_every_kind_of_rate_limit_ends_the_sync_and_says_when_to_come_again(server, mood, exchange):
    commit(server, {"a.md": b"a", "b.md": b"b"})
    source = source_of(server)
    told_so = []

    def later(request):
        told_so.append(request)
        return getattr(server, mood)(request) if len(told_so) > exchange else None

    with server.peer.answering(later), pytest.raises(RateLimited) as failure:
        sync(source)
    expected = timedelta(minutes=1) if mood == "secondary" else timedelta(minutes=10)
    assert abs(failure.value.retry_after - expected) < timedelta(seconds=5)
    source.refresh_from_db()
    assert (source.last_error, source.paused) == ("remote_busy", False)
    assert len(told_so) == exchange + 1
    assert sync(source).new == 2


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (told(401, message="Bad credentials"), Auth),
        (told(403, message="Resource not accessible by personal access token"), Auth),
        (told(404, message="Not Found"), Gone),
        (told(422, message="No commit found for SHA: main"), Gone),
        (told(451, message="Repository access blocked"), Gone),
        (told(500, message="Server Error"), Transient),
        (Answer(502, b"<html>Bad Gateway</html>"), Transient),
    ],
    ids=lambda value: getattr(value, "status", getattr(value, "__name__", None)),
)
@pytest.mark.django_db
def test_every_refusal_ends_in_its_class_and_retires_nothing(server, answer, failure):
    commit(server, {"a.md": b"a"})
    source = source_of(server)
    sync(source)
    commit(server, {"b.md": b"b"})
    with server.peer.answering(lambda _: answer), pytest.raises(failure) as seen:
        sync(source, accept_deletions=True)
    assert isinstance(seen.value, Failure)
    assert type(seen.value) is failure
    source.refresh_from_db()
    assert (source.last_error, source.paused) == (str(seen.value), failure is Auth)
    assert not Reference.objects.exclude(gone_at=None).exists()


def test_half_an_answer_of_json_is_no_answer(server):
    commit(server, {"a.md": b"a"})

    def half(request):
        return Answer(200, b'{"tree": [{"path": "a.m') if "/git/trees/" in request.path else None

    with server.peer.answering(half), pytest.raises(Transient):
        listing(port(server))


def test_other_bytes_than_a_blob_is_named_for_are_not_taken(server):
    commit(server, {"a.md": b"the whole text"})
    found = port(server)
    list(found.list({}))
    with server.peer.answering(lambda _: Answer(200, b"the who")), pytest.raises(Transient):
        found.read("files/a.md", limit_bytes=LIMIT)


def test_a_next_page_at_another_host_is_not_asked_for(server):
    elsewhere = {"Link": '<https://elsewhere.example/page>; rel="next"'}
    with server.peer.answering(lambda _: told(200, elsewhere, [])), pytest.raises(Transient):
        port(server).api.get("issues")


def test_a_certificate_that_nobody_signed_pauses_rather_than_sends_the_key(tmp_path):
    peer = Peer(lambda _: Answer(200), self_signed(tmp_path))
    try:
        with pytest.raises(Auth) as failure:
            GitHub("acme/orchard", url=peer.url, token="ghp_secret").check()  # noqa: S106  a test's
        assert failure.value.reason == Reason.UNTRUSTED
        assert peer.asked == []
    finally:
        peer.close()


def test_a_peer_that_does_not_answer_in_time_is_a_timeout(server):
    found = port(server)
    found.api.client.timeout = 0.05
    seen = Event()
    with server.peer.answering(lambda _: seen.wait(20) and None), pytest.raises(Timeout):
        found.check()
    seen.set()
