"""A server on the loopback that speaks OpenAI's protocol; what it answers, a test decides."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from ingestion.adapters.embeddings.hashing import Hashing
from ingestion.adapters.extractor.spacy_rules import SpacyRules

KEY = "sk-a-key-that-nobody-may-see"


@dataclass
class Reply:
    """An answer, piece by piece; between two pieces it waits for `pause_s`. `length` lies about what comes."""

    body: Any = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    pieces: int = 1
    pause_s: float = 0
    length: int | None = None

    def data(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


@dataclass
class Asked:
    path: str
    headers: Mapping[str, str]
    question: dict[str, Any]


class ModelServer:
    """`reply` answers each question; `asked` is what came, `most_at_once` how many questions were open at a time."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.asked: list[Asked] = []
        self.reply: Callable[[Asked], Reply] = answer
        self.open = self.most_at_once = 0
        self.lock = threading.Lock()
        self.over = threading.Event()

    def options(self, **more: Any) -> dict[str, Any]:
        """What the adapters are built with to ask this server."""
        return {"url": self.url, "key": None, "model": "m", "timeout_s": 5.0, "concurrency": 3} | more


@contextmanager
def serving() -> Iterator[ModelServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        server = http.model = ModelServer(f"http://127.0.0.1:{http.server_port}/v1")
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.over.set()
            http.shutdown()
            thread.join()


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        server: ModelServer = self.server.model
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = Asked(self.path, dict(self.headers), question)
        with server.lock:
            server.asked.append(asked)
            server.open += 1
            server.most_at_once = max(server.most_at_once, server.open)
        try:
            self.say(server, server.reply(asked))
        except (BrokenPipeError, ConnectionResetError):
            pass  # the other side has had enough
        finally:
            with server.lock:
                server.open -= 1

    def say(self, server: ModelServer, reply: Reply) -> None:
        data = reply.data()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) if reply.length is None else reply.length))
        self.end_headers()
        size = -(-len(data) // reply.pieces) or 1
        for start in range(0, len(data), size):
            self.wfile.write(data[start : start + size])
            self.wfile.flush()
            if reply.pause_s:
                server.over.wait(reply.pause_s)

    def log_message(self, *_: Any) -> None:
        pass


def answer(asked: Asked) -> Reply:
    """What a good model says: vectors by hashing, claims by the rules."""
    if asked.path.endswith("/embeddings"):
        return Reply(vectors(asked.question["input"]))
    return Reply(chat(told(passage(asked))))


def passage(asked: Asked) -> str:
    text: str = json.loads(asked.question["messages"][1]["content"])["passage"]
    return text


def vectors(texts: list[str]) -> dict[str, Any]:
    rows = [{"index": n, "embedding": row.tolist()} for n, row in enumerate(Hashing().embed(texts))]
    return {"data": rows[::-1], "usage": {"prompt_tokens": sum(map(len, texts)), "total_tokens": 0}}


def chat(claims: list[dict[str, Any]] | str, **message: Any) -> dict[str, Any]:
    content = claims if isinstance(claims, str) else json.dumps({"claims": claims})
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": content} | message}
    return {"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 20}}


RULES = SpacyRules()
ONE_AT_A_TIME = threading.Lock()


def told(text: str) -> list[dict[str, Any]]:
    with ONE_AT_A_TIME:
        [claims] = RULES.claims([text], RULES.entities([text]))
    return [
        {
            "predicate": claim.predicate,
            "subject": claim.subject,
            "subject_type": claim.subject_type,
            "object": claim.object,
            "object_type": claim.object_type,
            "quote": text[claim.start : claim.end],
            "start": claim.period.start,
            "end": claim.period.end,
            "polarity": claim.polarity,
        }
        for claim in claims
        if claim.subject is not None
    ]
