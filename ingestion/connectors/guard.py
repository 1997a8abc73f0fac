"""Keeps what is asked of the outside from reaching the inside: private networks, this machine, a cloud's metadata.

A name is resolved first, and refused if any of its addresses is not public. The connection goes to the address that was
looked at, so that a second answer of the name server changes nothing. It is looked where connections are made, so that
what follows a redirect passes here too. No proxy is used: it would resolve the name once more.
"""

import socket
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from ssl import SSLContext
from typing import Any

import httpcore
import httpx

from ledger.failures import Malformed, Transient
from ledger.reasons import Reason

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
# Public by their number, and not so: translations of other addresses, and what a cloud answers its own machines from.
NOT_PUBLIC = [
    ip_network(network)
    for network in (
        "::ffff:0:0/96",  # IPv4 inside IPv6, which some versions of Python call public
        "64:ff9b::/96",  # NAT64, RFC 6052
        "64:ff9b:1::/48",  # NAT64, RFC 8215
        "2002::/16",  # 6to4
        "2001::/32",  # Teredo
        "192.88.99.0/24",  # relays of 6to4
        "fec0::/10",  # site-local, RFC 3879
        "168.63.129.16/32",  # Azure's own
    )
]


class Guard:
    """Says which addresses may be asked. `allowed` are networks that may be although they are not public."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self.allowed: list[Network] = [ip_network(network) for network in allowed]

    def permits(self, address: Address) -> bool:
        if any(address in network for network in self.allowed):
            return True
        if address.is_multicast or address.is_reserved or address.is_unspecified or not address.is_global:
            return False
        return not any(address in network for network in NOT_PUBLIC)

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """Return the addresses of the host, all of them permitted.

        Raises Malformed (FORBIDDEN_ADDRESS), or Transient for a name that is not found.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as exc:
            raise Transient(Reason.REMOTE_UNAVAILABLE, "the name of the host is not found") from exc
        names = list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))
        if not names or not all(self.permits(ip_address(name)) for name in names):
            raise Malformed(Reason.FORBIDDEN_ADDRESS, "the host has an address that is not public")
        return names


class Guarded(httpx.BaseTransport):
    """Connects to nothing but addresses that the guard has looked at. No exchange goes on after `until`."""

    def __init__(self, guard: Guard) -> None:
        self.door = _Door(guard)
        self.pool = httpcore.ConnectionPool(httpx.create_ssl_context(), network_backend=self.door)

    def close_at(self, until: float) -> None:
        """Set the time, by the monotonic clock, at which what is asked now must have been answered."""
        self.door.until = until

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        if url.scheme not in ("http", "https") or url.userinfo or not url.host:
            raise Malformed(Reason.FORBIDDEN_ADDRESS, "only http and https without a user's name are asked")
        asked = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _as_httpx():
            answer = self.pool.handle_request(asked)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        self.pool.close()


class _Door(httpcore.SyncBackend):
    """Resolves, looks, and connects to what it looked at."""

    def __init__(self, guard: Guard) -> None:
        self.guard, self.until = guard, float("inf")

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *args: Any, **how: Any
    ) -> httpcore.NetworkStream:
        addresses = self.guard.addresses(host, port)
        for n, address in enumerate(addresses, 1):
            try:
                return _Line(super().connect_tcp(address, port, self.left(timeout), *args, **how), self)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                if n == len(addresses):
                    raise
        raise AssertionError  # there is an address, else the guard has raised

    def left(self, timeout: float | None) -> float:
        left = self.until - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the whole took too long")
        return left if timeout is None else min(timeout, left)


class _Line(httpcore.NetworkStream):
    """A connection on which no wait is longer than the time that is left, even for a head that comes in drips."""

    def __init__(self, stream: httpcore.NetworkStream, door: _Door) -> None:
        self.stream, self.door = stream, door

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self.stream.read(max_bytes, self.door.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self.stream.write(buffer, self.door.left(timeout))

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Line(self.stream.start_tls(ssl_context, server_hostname, self.door.left(timeout)), self.door)

    def close(self) -> None:
        self.stream.close()

    def get_extra_info(self, info: str) -> Any:
        return self.stream.get_extra_info(info)


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self.answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self.answer.iter_stream()

    def close(self) -> None:
        self.answer.close()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Raise what httpcore raises as what httpx does: both call it by the same name."""
    try:
        yield
    except (httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError) as exc:
        raise getattr(httpx, type(exc).__name__)(str(exc)) from exc
