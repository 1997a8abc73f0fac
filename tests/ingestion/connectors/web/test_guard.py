"""What may be asked and what not, how long an answer may take, and how large it may grow."""

import gzip
import socket
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import ip_address

import pytest

from ingestion.connectors.guard import Guard
from ingestion.connectors.web import fetching
from ingestion.connectors.web.fetching import Answer, Fetcher
from ledger.failures import Auth, Failure, Malformed, RateLimited, Timeout, Transient
from ledger.reasons import Reason
from tests.peers.http import Answer as Told
from tests.peers.http import Peer
from tests.peers.tls import self_signed

LOOPBACK = ("127.0.0.1/32",)
LIMIT = 1 << 20
INSIDE = """
127.0.0.1 127.255.0.9 10.0.0.1 172.16.0.1 172.31.255.1 192.168.1.1 169.254.169.254 100.64.0.1 100.100.100.200
0.0.0.0 0.1.2.3 192.0.2.1 198.18.0.1 224.0.0.1 240.0.0.1 255.255.255.255 168.63.129.16 192.88.99.1
::1 :: fe80::1 fe80::1%eth0 fc00::1 fd00:ec2::254 fec0::1 ff02::1 ::ffff:8.8.8.8 ::ffff:169.254.169.254 ::127.0.0.1
64:ff9b::7f00:1 64:ff9b:1::1 2002:7f00:1:: 2001:0:7f00:1:: 2001:db8::1
"""


def get(url: str, allowed: tuple[str, ...] = LOOPBACK, **how) -> Answer:
    return Fetcher(Guard(allowed)).get(url, limit_bytes=LIMIT, **how)


@pytest.fixture
def names(monkeypatch) -> Callable[..., list[str]]:
    """Have a name server that gives these answers to a name, one after the other; returns which were asked."""
    real = socket.getaddrinfo

    def serve(**told: list[list[str]]) -> list[str]:
        asked: list[str] = []

        def look_up(host, port, *args, **how):
            name = str(host).removesuffix(".test")
            if name not in told:
                return real(host, port, *args, **how)
            asked.append(host)
            addresses = told[name].pop(0) if len(told[name]) > 1 else told[name][0]
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        return asked

    return serve


@pytest.mark.parametrize("address", INSIDE.split())
def test_what_is_not_public_is_not_asked(address):
    assert not Guard().permits(ip_address(address))


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "172.32.0.1", "2606:4700:4700::1111", "2a00:1450::1"])
def test_what_is_public_is_asked(address):
    assert Guard().permits(ip_address(address))


def test_a_network_that_is_allowed_allows_no_other():
    guard = Guard(["10.1.0.0/16", "fd00:1::/32"])
    permitted = [guard.permits(ip_address(each)) for each in ("10.1.2.3", "10.2.0.1", "fd00:1::9", "::ffff:10.1.2.3")]
    assert permitted == [True, False, True, False]


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "[::1]", "[::ffff:127.0.0.1]"]
)
def test_no_spelling_of_this_machine_reaches_it(site, host):
    with pytest.raises(Malformed) as failure:
        get(f"http://{host}:{site.peer.port}/", allowed=())
    assert failure.value.reason == Reason.FORBIDDEN_ADDRESS
    assert site.asked() == []


def test_a_name_with_one_address_inside_is_refused_whole(site, names):
    names(site=[["127.0.0.1", "10.0.0.1"]])
    with pytest.raises(Malformed):
        get(f"http://site.test:{site.peer.port}/")
    assert site.asked() == []


def test_the_address_that_was_looked_at_is_the_one_that_is_asked(site, names):
    """A name server that answers otherwise the second time (DNS rebinding) is not asked a second time."""
    site.put("/")
    asked = names(site=[["127.0.0.1"], ["127.0.0.2"]])
    answer = get(f"http://site.test:{site.peer.port}/")
    assert (answer.status, asked) == (200, ["site.test"])
    assert site.peer.asked[0].headers["host"] == f"site.test:{site.peer.port}"


def test_the_next_address_is_tried_where_one_does_not_answer(site, names):
    site.put("/")
    names(site=[["127.0.0.2", "127.0.0.1"]])
    assert get(f"http://site.test:{site.peer.port}/", allowed=("127.0.0.0/8",)).status == 200


def test_a_name_that_is_not_found_may_be_found_later():
    with pytest.raises(Transient) as failure:
        get("http://nowhere.invalid/")
    assert failure.value.reason == Reason.REMOTE_UNAVAILABLE


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.2:{port}/secret",
        "http://localhost.localdomain@127.0.0.1:{port}/secret",
        "//[::1]:{port}/secret",
        "http://169.254.169.254/latest/meta-data/",
        "file:///etc/passwd",
        "gopher://127.0.0.1:{port}/",
    ],
)
def test_a_redirect_is_looked_at_like_any_address(site, target):
    site.put("/", status=302, headers={"Location": target.format(port=site.peer.port)})
    with pytest.raises(Malformed) as failure:
        get(site.url)
    assert failure.value.reason == Reason.FORBIDDEN_ADDRESS
    assert site.asked() == ["/"]


def test_a_redirect_in_circles_ends(site):
    site.put("/", status=302, headers={"Location": "/"})
    with pytest.raises(Malformed) as failure:
        get(site.url)
    assert (failure.value.reason, len(site.asked())) == (Reason.BAD_ANSWER, 1 + fetching.HOPS)


def test_a_proxy_of_the_shell_is_not_used(site, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    site.put("/")
    assert get(site.url).status == 200


def test_a_certificate_holds_for_the_name_and_not_for_another_at_the_same_address(tmp_path, names, monkeypatch):
    peer = Peer(lambda _: Told(200, b"here"), self_signed(tmp_path, "site.test"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "certificate.pem"))
    names(site=[["127.0.0.1"]], other=[["127.0.0.1"]])
    try:
        fetcher = Fetcher(Guard(LOOPBACK))
        assert fetcher.get(f"https://site.test:{peer.port}/", limit_bytes=LIMIT).body == b"here"
        with pytest.raises(Auth) as failure:
            fetcher.get(f"https://other.test:{peer.port}/", limit_bytes=LIMIT)
        assert (failure.value.reason, len(peer.asked)) == (Reason.UNTRUSTED, 1)
    finally:
        peer.close()


# time


@contextmanager
def dripping(begin: bytes) -> Iterator[str]:
    """A server that begins so, and then sends a byte now and then, without end."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def drip() -> None:
        with suppress(OSError), listener.accept()[0] as line:
            line.recv(4096)
            line.sendall(begin)
            while not over.wait(0.02):
                line.sendall(b"a")

    thread = threading.Thread(target=drip, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/"
    over.set()
    listener.close()
    thread.join(5)


@pytest.mark.parametrize(
    "begin",
    [b"HTTP/1.1 200 OK\r\nX-Long: ", b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"],
    ids=["head", "body"],
)
def test_what_comes_in_drips_ends_with_the_time_that_a_page_has(monkeypatch, begin):
    monkeypatch.setattr(fetching, "MOST_S", 0.3)
    with dripping(begin) as url, pytest.raises(Timeout) as failure:
        get(url)
    assert failure.value.reason == Reason.REMOTE_SLOW


# size


def test_a_few_bytes_that_stand_for_gigabytes_cost_no_more_than_the_limit(site):
    bomb = gzip.compress(bytes(200 << 20), 9)
    site.put("/", bomb, headers={"Content-Encoding": "gzip"})
    tracemalloc.start()
    answer = get(site.url)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (len(answer.body), answer.whole) == (LIMIT, False)
    assert peak < 4 * LIMIT


def raw_deflate(data: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(data) + packing.flush()


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("deflate", zlib.compress), ("deflate", raw_deflate), ("identity", bytes)],
)
def test_an_encoding_that_was_asked_for_is_undone(site, encoding, pack):
    text = b"in full leaf until the end of September. " * 9_000
    site.put("/", pack(text), headers={"Content-Encoding": encoding})
    answer = get(site.url)
    assert (answer.body, answer.whole) == (text, True)


@pytest.mark.parametrize(
    ("encoding", "body", "failure", "reason"),
    [
        ("gzip", gzip.compress(b"whole" * 999, mtime=0)[:-9], Transient, Reason.BAD_ANSWER),
        ("gzip", b"no gzip at all", Malformed, Reason.CORRUPT),
        ("br", b"x", Malformed, Reason.UNSUPPORTED_TYPE),
    ],
)
def test_a_broken_encoding_ends_in_its_class(site, encoding, body, failure, reason):
    site.put("/", body, headers={"Content-Encoding": encoding})
    with pytest.raises(failure) as seen:
        get(site.url)
    assert seen.value.reason == reason


@pytest.mark.parametrize(
    ("told", "failure"),
    [
        (Told(429, b""), RateLimited),
        (Told(503, b"", {"Retry-After": "120"}), RateLimited),
        (Told(503, b""), Transient),
        (Told(500, b""), Transient),
        (Told(200, b"half", {"Content-Length": "8", "Connection": "close"}), Transient),
    ],
    ids=["429", "503 with a time", "503", "500", "half a body"],
)
def test_every_refusal_ends_in_its_class(site, told, failure):
    with site.peer.answering(lambda _: told), pytest.raises(Failure) as seen:
        get(site.url)
    assert type(seen.value) is failure
