"""Starts the release server for a test and ends it again, by its own process id."""

import json
import os
import pathlib
import re
import secrets
import signal
import socket
import ssl
import subprocess
import time
import urllib.request
import uuid

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = ROOT / ".build" / "release" / "grandstand"


def free_port() -> int:
    """Outside the range that the kernel takes ports from for outgoing connections: none of those is in its way."""
    while True:
        port = 20_000 + secrets.randbelow(12_000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


def parsed(answer):
    """The body as JSON where it is JSON, else as text; None where there is none."""
    text = answer.read()
    if not text:
        return None
    return json.loads(text) if "json" in answer.headers.get("Content-Type", "") else text.decode()


class Server:
    """One `grandstand serve` on a data directory; may be killed and started again. With `tls`, encrypted."""

    def __init__(self, directory: pathlib.Path, *options: str, env: dict | None = None, tls: ssl.SSLContext | None = None):
        self.tls = tls
        self.directory = directory
        # Tests ask faster than any user; those that are about it set the rate themselves.
        self.options = options if "--requests-per-second" in options else (*options, "--requests-per-second", "0")
        self.env = {**os.environ, **(env or {})}
        self.port, self.desk_port = free_port(), free_port()
        self.process = None
        self.start()

    @property
    def origin(self) -> str:
        return f"https://localhost:{self.port}" if self.tls else f"http://127.0.0.1:{self.port}"

    @property
    def desk(self) -> str:
        return f"http://127.0.0.1:{self.desk_port}"

    def start(self):
        self.log = open(self.directory.parent / f"{self.directory.name}.log", "a+")
        self.log.seek(0, os.SEEK_END)
        self.log_start = self.log.tell()
        self.process = subprocess.Popen(
            [BINARY, "serve", "--data", self.directory, "--listen", f"127.0.0.1:{self.port}",
             "--desk-listen", f"127.0.0.1:{self.desk_port}", *([] if "--tennis-matches" in self.options else ["--tennis-matches", "0"]), *self.options],
            stdout=self.log, stderr=self.log, env=self.env)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError("the server ended: " + self.output())
            try:
                with urllib.request.urlopen(f"{self.origin}/health/ready", timeout=1, context=self.tls) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.02)
        raise AssertionError("the server did not become ready: " + self.output())

    def output(self) -> str:
        self.log.flush()
        with open(self.log.name) as log:
            log.seek(self.log_start)
            return log.read()

    def codes(self) -> list[str]:
        """The operators' one-time codes: printed after the server is ready, so they are waited for."""
        deadline = time.monotonic() + 10
        while len(found := re.findall(r"\d{4}-\d{4}-\d{4}", self.output())) < 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        return found

    def kill(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def call(self, method, path, body=None, cookie=None, base=None, headers=None):
        base = base or self.origin
        request = urllib.request.Request(base + path, method=method)
        request.add_header("Origin", base)
        if cookie:
            request.add_header("Cookie", cookie)
        # Whoever moves money says which request it is; the bet's own id does.
        if (method, path) == ("POST", "/api/v1/bets") and isinstance(body, dict) and "id" in body:
            request.add_header("Idempotency-Key", f'"{body["id"]}"')
        elif path.endswith("/approve"):
            request.add_header("Idempotency-Key", new_id())
        for key, value in (headers or {}).items():
            request.add_header(key, value)
        data = None
        if body is not None:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, data, timeout=15, context=self.tls if base == self.origin else None) as answer:
                return answer.status, parsed(answer), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, parsed(error), error.headers

    def sign_in(self) -> str:
        # One key, so that asking again makes no second account; a server that has just begun may be busy for a moment.
        key = {"Idempotency-Key": f'"{new_id()}"'}
        deadline = time.monotonic() + 30
        while True:
            status, answer, headers = self.call("POST", "/api/v1/demo", headers=key)
            if status != 503 or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        assert status in (200, 201), answer
        return headers["Set-Cookie"].split(";")[0]

    def open_markets(self, count) -> list:
        """Markets of as many matches, none of which says anything about another."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            found = []
            for fixture in self.call("GET", "/api/v1/fixtures?inPlay=false")[1].get("fixtures", []):
                status, answer, _ = self.call("GET", f"/api/v1/fixtures/{fixture['id']}")
                found += [m for m in answer.get("markets", []) if status == 200 and m["status"] == "open"][:1]
                if len(found) == count:
                    return found
            time.sleep(0.2)
        raise AssertionError(f"no {count} matches are open")

    def open_market(self, in_play=False) -> dict:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            # A server that is behind sheds browsing for a moment.
            for fixture in self.call("GET", "/api/v1/fixtures")[1].get("fixtures", []):
                if fixture["inPlay"] != in_play or fixture["status"] == "abandoned":
                    continue
                for market in fixture["markets"]:
                    found = self.call("GET", f"/api/v1/markets/{market}")[1].get("market")
                    if found and found["status"] == "open":
                        return found
            time.sleep(0.1)
        raise AssertionError("no market opened")


def new_id() -> str:
    """A UUID of version 7, as every bet's id is: milliseconds since 1970, then chance."""
    words = int(time.time() * 1000) << 80 | 7 << 76 | secrets.randbits(12) << 64 | 2 << 62 | secrets.randbits(62)
    return str(uuid.UUID(int=words))


def bet(market: dict, id: str, stake=100, selection=0, seconds=15, **more) -> dict:
    until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    return {
        "id": id, "validUntil": until, "stake": {"amount": stake, "currency": "EUR", "kind": "cash"},
        "structure": "single", "priceRule": "any", "tolerance": 255,
        "legs": [{"market": market["id"], "selection": selection,
                  "odds": market["selections"][selection]["odds"], "version": market["version"]}],
        **more,
    }


@pytest.fixture
def make_server(tmp_path):
    servers = []

    def make(*options, name="data", env=None, tls=None):
        server = Server(tmp_path / name, *options, env=env, tls=tls)
        servers.append(server)
        return server

    yield make
    for server in servers:
        if server.process.poll() is None:
            server.kill()


@pytest.fixture
def server(make_server):
    return make_server("--match-seconds", "2000", "--seed", "7")
