"""Files and wiki over git, from a real http-backend: what is fetched, and what goes wrong."""

from collections.abc import Iterator
from pathlib import Path
from threading import Event

import pytest

from handoffs import payloads, sealing
from handoffs.models import Reference, Source
from ingestion.connectors.github import GitHub, git
from ingestion.connectors.github.git import address, refusal
from ingestion.connectors.github.keys import Fixed
from ingestion.ports import Checkpoint, Listed
from ingestion.sync import sync
from ledger.failures import Auth, Gone, Malformed, RateLimited, Timeout, Transient
from ledger.reasons import Reason
from tests.builders import make_source
from tests.peers.git import Hub
from tests.peers.http import Answer, Peer
from tests.peers.tls import self_signed

TOKEN = "ghp_a-secret-of-the-tests"  # noqa: S105  a test's
LIMIT = 1 << 20


@pytest.fixture
def hub(tmp_path) -> Iterator[Hub]:
    hub = Hub(tmp_path, TOKEN)
    hub.make("acme/orchard")
    yield hub
    hub.peer.close()


def port(hub: Hub, **options) -> GitHub:
    asked = {"contents": ["files"], "transport": "git", "url": hub.url, "token": hub.token}
    return GitHub("acme/orchard", **asked | options)


def source_of(hub: Hub, **options) -> Source:
    asked = {"repository": "acme/orchard", "contents": ["files"], "transport": "git", "url": hub.url}
    source = make_source(kind="github", options=asked | options)
    sealing.keep(source, {"token": hub.token}, by="ann")
    return source


def live(source: Source) -> dict[str, bytes]:
    found = Reference.objects.filter(source=source, gone_at=None).exclude(seen_payload=None)
    return {reference.external_id: payloads.get(reference.seen_payload_id) for reference in found}


def pages(count: int) -> dict[str, bytes]:
    return {f"docs/{n % 20}/page {n}.md": f"page {n}".encode() for n in range(count)}


@pytest.mark.django_db
def test_what_a_first_sync_no_change_and_a_push_cost(hub):
    hub.commit("acme/orchard", pages(500))
    source = source_of(hub)
    assert sync(source).new == 500
    refs = ["refs", "git-upload-pack refs"]
    first = hub.asked()
    assert first == [*refs, "refs", "git-upload-pack wants 1", "refs", "git-upload-pack wants 500"]

    assert sync(source).listed == 0
    assert hub.asked() == refs

    hub.commit("acme/orchard", pages(500) | {f"docs/{n}/page {n}.md": f"page {n}, mended".encode() for n in range(5)})
    found = sync(source)
    assert (found.new, found.unchanged, found.gone) == (5, 495, 0)
    assert hub.asked() == [*refs, "refs", "git-upload-pack wants 1", "refs", "git-upload-pack wants 5"]
    assert live(source)["files/docs/3/page 3.md"] == b"page 3, mended"


@pytest.mark.django_db
def test_a_file_that_is_deleted_is_retired_and_a_force_push_leaves_what_the_branch_has(hub):
    hub.commit("acme/orchard", {"a.md": b"a", "b.md": b"b", "c.md": b"c"})
    sync(source := source_of(hub))
    hub.commit("acme/orchard", {"a.md": b"a", "c.md": b"c"})
    assert sync(source).gone == 1
    hub.commit("acme/orchard", {"a.md": b"a", "c.md": b"another history", "d.md": b"d"}, forced=True)
    found = sync(source)
    assert (found.new, found.unchanged, found.gone) == (2, 1, 0)
    assert live(source) == {"files/a.md": b"a", "files/c.md": b"another history", "files/d.md": b"d"}


@pytest.mark.django_db
def test_a_branch_that_is_rewritten_between_listing_and_reading_loses_nothing(hub):
    hub.commit("acme/orchard", {"a.md": b"a"})
    found = port(hub)
    list(found.list({}))
    hub.commit("acme/orchard", {"a.md": b"b"}, forced=True)
    path = str(hub.folder / "acme/orchard.git")
    hub.git("-C", path, "gc", "--prune=now", "--quiet")
    with pytest.raises(Transient):
        found.read("files/a.md", limit_bytes=LIMIT)
    sync(source := source_of(hub))
    assert live(source) == {"files/a.md": b"b"}


def test_names_and_bytes_of_any_kind_come_as_they_are(hub):
    odd = {
        "naïve.md": b"\0\r\n\n",
        "日本 語.md": b"",
        "100%.md": b"x" * 100_000,
        "twin.md": b"same",
        "other twin.md": b"same",
        "picture.png": b"\x89PNG",
    }
    hub.commit("acme/orchard", odd | {".hidden.md": b"h", "a.link": b"twin.md"})
    found = port(hub)
    listed = [entry.external_id for entry in found.list({}) if isinstance(entry, Listed)]
    found.expect(listed)
    names = {name.replace("%", "%25"): data for name, data in odd.items()}
    assert {name: found.read(f"files/{name}", limit_bytes=LIMIT).data for name in names} == names
    assert sorted(listed) == sorted(f"files/{name}" for name in names)
    with pytest.raises(Malformed):
        found.read("files/100%25.md", limit_bytes=99_999)
    assert found.read("files/twin.md", limit_bytes=LIMIT).data == b"same"


def test_an_item_can_be_read_without_a_listing_and_by_another_branch(hub):
    hub.commit("acme/orchard", {"a.md": b"a"})
    hub.commit("acme/orchard", {"b.md": b"b"}, branch="topic/one")
    hub.commit("acme/orchard", {"c.md": b"c"}, branch="one")
    hub.git("-C", str(hub.folder / "acme/orchard.git"), "tag", "v1", "main")
    for branch, name in [("", "a"), ("topic/one", "b"), ("one", "c"), ("v1", "a")]:
        assert port(hub, branch=branch).read(f"files/{name}.md", limit_bytes=LIMIT).data == name.encode()
    with pytest.raises(Gone):
        port(hub).read("files/none.md", limit_bytes=LIMIT)
    with pytest.raises(Gone):
        list(port(hub, branch="none").list({}))


def test_a_server_that_cannot_leave_files_out_sends_them_all_and_that_is_fine(hub):
    hub.make("acme/plain", **{"uploadpack.allowFilter": "false"})
    hub.commit("acme/plain", {"a.md": b"a"})
    found = GitHub("acme/plain", contents=["files"], transport="git", url=hub.url, token=TOKEN)
    list(found.list({}))
    assert found.read("files/a.md", limit_bytes=LIMIT).data == b"a"


def test_a_repository_without_a_commit_has_no_files(hub):
    found = list(port(hub).list({}))
    assert [type(entry).__name__ for entry in found] == ["ScopeComplete", "Checkpoint"]


@pytest.mark.django_db
def test_a_wiki_is_read_over_git_and_one_that_is_switched_off_retires_nothing(hub):
    hub.make("acme/orchard.wiki")
    hub.commit("acme/orchard.wiki", {"Home.md": b"welcome", "Trees/Apple.md": b"an apple"})
    source = source_of(hub, contents=["wiki"], transport="api")
    assert sync(source).new == 2
    assert set(live(source)) == {"wiki/Home.md", "wiki/Trees/Apple.md"}
    (hub.folder / "acme/orchard.wiki.git").rename(hub.folder / "acme/away.git")
    found = sync(source, accept_deletions=True)
    assert (found.gone, len(live(source))) == (0, 2)
    assert [type(entry) for entry in port(hub, contents=["wiki"]).list({})] == [Checkpoint]


# what goes wrong


@pytest.mark.parametrize(
    ("answer", "failure"),
    [
        (Answer(401, b"", {"WWW-Authenticate": "Basic"}), Auth),
        (Answer(403, b""), Auth),
        (Answer(404, b""), Gone),
        (Answer(429, b"", {"Retry-After": "60"}), RateLimited),
        (Answer(500, b""), Transient),
        (Answer(503, b""), Transient),
        (Answer(200, b"<html>Sign in</html>"), (Transient, Gone)),
        (
            Answer(200, b"001e# service=git-upload", {"Content-Type": "application/x-git-upload-pack-advertisement"}),
            Transient,
        ),
    ],
    ids=["401", "403", "404", "429", "500", "503", "a page", "half"],
)
@pytest.mark.parametrize("exchange", [0, 1, 3])
@pytest.mark.django_db
def test_every_refusal_ends_in_its_class_and_retires_nothing(hub, answer, failure, exchange):
    hub.commit("acme/orchard", {"a.md": b"a"})
    sync(source := source_of(hub))
    hub.commit("acme/orchard", {"b.md": b"b"})
    asked = []

    def later(request):
        asked.append(request)
        return answer if len(asked) > exchange else None

    with hub.peer.answering(later), pytest.raises(failure) as seen:
        sync(source, accept_deletions=True)
    source.refresh_from_db()
    assert (source.last_error, source.paused) == (str(seen.value), isinstance(seen.value, Auth))
    assert live(source) == {"files/a.md": b"a"}


@pytest.mark.django_db
def test_files_that_cannot_be_fetched_are_left_behind_and_come_with_the_next_sync(hub):
    hub.commit("acme/orchard", pages(9))
    source = source_of(hub)
    with hub.peer.answering(lambda request: Answer(500, b"") if request.body.count(b"want ") > 1 else None):
        assert sync(source).left_behind == 9
    assert len([line for line in hub.asked() if "wants" in line]) == 2  # the tree, and all files at once
    assert sync(source).new == 9


@pytest.mark.django_db
def test_a_connection_cut_in_any_answer_loses_and_retires_nothing(hub):
    hub.commit("acme/orchard", {"a.md": b"a", "b.md": b"b"})
    for exchange in range(7):
        source = source_of(hub)
        with hub.peer.cut_at(exchange) as cut:
            try:
                assert sync(source).left_behind or not cut.happened
            except Transient as failure:
                source.refresh_from_db()
                assert source.last_error == str(failure)
        assert not Reference.objects.filter(source=source).exclude(gone_at=None).exists()
        sync(source)
        assert live(source) == {"files/a.md": b"a", "files/b.md": b"b"}
    assert not cut.happened


def test_a_certificate_that_nobody_signed_gets_no_key(tmp_path):
    peer = Peer(lambda _: Answer(200), self_signed(tmp_path))
    try:
        with pytest.raises(Auth) as failure:
            git.Remote(f"{peer.url}/acme/orchard.git", Fixed(TOKEN)).head("")
        assert (failure.value.reason, peer.asked) == (Reason.UNTRUSTED, [])
    finally:
        peer.close()


def test_a_remote_that_does_not_answer_in_time_is_a_timeout_and_leaves_no_process(hub, monkeypatch):
    monkeypatch.setattr(git, "ASK_S", 0.2)
    remote = git.Remote(f"{hub.url}/acme/orchard.git", Fixed(TOKEN))
    monkeypatch.setattr(git.Remote, "_place", lambda _: hub.folder)  # made already
    remote.folder = hub.folder
    over = Event()
    with hub.peer.answering(lambda _: over.wait(20) and None), pytest.raises(Timeout):
        remote.head("")
    over.set()


@pytest.mark.django_db
def test_the_key_is_in_no_argument_and_in_nothing_that_is_kept(hub, monkeypatch, caplog):
    hub.commit("acme/orchard", {"a.md": b"a"})
    seen: list[str] = []
    real = git.subprocess.Popen

    class Watched(real):  # type: ignore[misc,valid-type]
        def __init__(self, arguments, *given, **how) -> None:
            seen.extend(map(str, arguments))
            super().__init__(arguments, *given, **how)

    monkeypatch.setattr(git.subprocess, "Popen", Watched)
    found = port(hub)
    list(found.list({}))
    found.read("files/a.md", limit_bytes=LIMIT)
    kept = [path.read_bytes() for path in Path(found.parts[0].remote.folder).rglob("*") if path.is_file()]
    assert seen
    assert not any(TOKEN in text for text in [*seen, caplog.text, repr(found)])
    assert not any(TOKEN.encode() in data for data in kept)


def test_what_was_fetched_vanishes_with_the_connector(hub):
    hub.commit("acme/orchard", {"a.md": b"a"})
    found = port(hub)
    found.read("files/a.md", limit_bytes=LIMIT)
    folder, reader = found.parts[0].remote.folder, found.parts[0].remote.reader
    assert folder.is_dir()
    del found
    assert (folder.exists(), reader.poll() is not None) == (False, True)


def test_the_address_for_git_is_of_the_address_that_people_know():
    addresses = {
        "https://github.com": "https://github.com/acme/orchard.git",
        "https://api.github.com/": "https://github.com/acme/orchard.git",
        "https://api.acme.ghe.com": "https://acme.ghe.com/acme/orchard.git",
        "https://git.example/code/api/v3": "https://git.example/code/acme/orchard.git",
        "https://notgithub.com": "https://notgithub.com/acme/orchard.git",
    }
    assert {url: address(url, "acme/orchard") for url in addresses} == addresses


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ("fatal: unable to access 'https://x/': Operation too slow. Less than 1000 bytes/sec", Timeout),
        ("fatal: unable to access 'https://x/': Failed to connect to x port 443: Connection timed out", Timeout),
        ("remote: Repository not found.\nfatal: Authentication failed for 'https://x/'", Auth),
        ("fatal: unable to access 'https://x/': SSL certificate problem: self-signed certificate", Auth),
        ("fatal: unable to access 'https://x/': Could not resolve host: x", Transient),
        ("fatal: remote error: upload-pack: not our ref 0000", Transient),
        ("error: RPC failed; HTTP 502 curl 22 The requested URL returned error: 502", Transient),
    ],
)
def test_what_git_complains_of_has_a_class(said, failure):
    assert type(refusal(said)) is failure
