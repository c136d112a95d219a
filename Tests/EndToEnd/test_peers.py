"""Clients that others wrote: curl, aiohttp, websockets."""

import asyncio
import json
import pathlib
import re
import subprocess
import sys

import aiohttp
import pytest
import websockets
from conftest import bet, new_id
from openapi_spec_validator import validate


def stream(server):
    return server.origin.replace("http", "ws") + "/api/v1/stream"


def curl(*arguments):
    return subprocess.run(["curl", "-s", "--max-time", "10", *arguments], capture_output=True, text=True).stdout


def test_curl_reads_heads_and_files(server):
    head = curl("-I", server.origin + "/")
    assert head.startswith("HTTP/1.1 200")
    assert "default-src 'none'" in head and "text/html" in head
    etag = [l.split(": ")[1].strip() for l in head.splitlines() if l.lower().startswith("etag")][0]
    assert curl("-o", "/dev/null", "-w", "%{http_code}", "-H", f"If-None-Match: {etag}", server.origin + "/") == "304"
    assert curl("-X", "OPTIONS", "-i", server.origin + "/api/v1/bets").startswith("HTTP/1.1 204")
    assert "method_not_allowed" in curl("-X", "PUT", server.origin + "/api/v1/bets")
    assert "not_found" in curl(server.origin + "/api/v1/nothing")


def test_curl_unpacks_reads_on_and_sees_what_changed(server, tmp_path):
    url, whole = server.origin + "/app.js", tmp_path / "whole"
    curl("-o", str(whole), url)
    plain = whole.read_bytes()
    for coding in ("gzip", "br"):
        packed = subprocess.run(["curl", "-s", "-i", "-H", f"Accept-Encoding: {coding}", url], capture_output=True).stdout
        assert f"content-encoding: {coding}".encode() in packed.lower() and len(packed) < len(plain)
    # With every coding that this curl knows, and unpacked by it.
    assert subprocess.run(["curl", "-s", "--compressed", url], capture_output=True).stdout == plain
    # A download that broke off goes on where it was.
    part = tmp_path / "part"
    part.write_bytes(plain[:100])
    curl("-C", "-", "-o", str(part), url)
    assert part.read_bytes() == plain
    assert curl("-r", "10-19", url) == plain[10:20].decode() and curl("-r", "-5", url) == plain[-5:].decode()
    codes = ["-o", "/dev/null", "-w", "%{http_code}"]
    assert curl("-r", f"{len(plain)}-", *codes, url) == "416"
    tags = tmp_path / "tags"
    assert curl("--etag-save", str(tags), *codes, url) == "200"
    assert curl("--etag-compare", str(tags), *codes, url) == "304"
    assert curl("-H", f"If-Range: {tags.read_text().strip()}", "-r", "0-0", *codes, url) == "206"
    assert curl("-H", 'If-Range: "older"', "-r", "0-0", *codes, url) == "200"


def test_curl_sends_chunks_and_waits_to_be_told(server):
    body = json.dumps({"stake": {"amount": 1, "currency": "EUR"}, "legs": []})
    answer = curl("-H", "Transfer-Encoding: chunked", "-H", "Content-Type: application/json", "-H", "Expect: 100-continue",
                  "-d", body, server.origin + "/api/v1/slip")
    assert "legs: 1 to 20" in answer


def test_hosts_origins_and_cookies_are_checked(server):
    assert "host_unknown" in curl("-H", "Host: evil.example", server.origin + "/api/v1/fixtures")
    assert "origin_refused" in curl("-H", "Origin: http://evil.example", server.origin + "/api/v1/fixtures")
    cookie = server.sign_in()
    assert "origin_missing" in curl("-X", "POST", "-H", f"Cookie: {cookie}", server.origin + "/api/v1/demo")
    assert "not_signed_in" in curl(server.origin + "/api/v1/account")


def test_nothing_of_the_desk_answers_on_the_punters_port(server):
    for path in ["/metrics", "/api/v1/sign-in", "/api/v1/suspend-all", "/desk.js"]:
        assert server.call("POST", path, {})[0] in (404, 405)
        assert curl("-o", "/dev/null", "-w", "%{http_code}", server.origin + path) == "404"


@pytest.mark.parametrize("side", ["punters", "desk"])
def test_the_description_is_valid_and_true(server, side):
    base = server.origin if side == "punters" else server.desk
    description = json.loads(curl(base + "/openapi.json"))
    validate(description)
    cookie = None
    if side == "desk":
        _, _, headers = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[0]}, base=base)
        cookie = headers["Set-Cookie"].split(";")[0]
    for signed_in in (None, cookie):
        for path, methods in description["paths"].items():
            for method in methods:
                real = re.sub(r"{[a-z]+}", "999999", path)
                status, body, _ = server.call(method.upper(), real, b"{}" if method == "post" else None, base=base, cookie=signed_in)
                told = set(methods[method]["responses"])
                assert str(status) in told, f"{method} {path} answered {status}, which its description does not know"


def test_every_route_of_the_desk_asks_who_one_is(server):
    description = json.loads(curl(server.desk + "/openapi.json"))
    for path, methods in description["paths"].items():
        for method, told in methods.items():
            if "security" in told and told["operationId"] != "stream":
                real = re.sub(r"{[a-z]+}", "1", path)
                assert server.call(method.upper(), real, b"{}", base=server.desk)[0] == 401, path


def test_a_bet_by_rest_follows_the_rules_of_idempotency(server):
    cookie = server.sign_in()
    market = server.open_market()
    first = bet(market, new_id())
    status, answer, _ = server.call("POST", "/api/v1/bets", first, cookie)
    assert (status, answer["bet"]["status"]) == (201, "open")
    status, again, _ = server.call("POST", "/api/v1/bets", first, cookie)
    assert (status, again["bet"]["id"], again["bet"]["repeated"]) == (200, answer["bet"]["id"], True)
    status, other, _ = server.call("POST", "/api/v1/bets", {**first, "stake": {"amount": 200, "currency": "EUR"}}, cookie)
    assert (status, other["bet"]["refusal"]["code"]) == (422, "id_reused")
    status, refused, _ = server.call("POST", "/api/v1/bets", bet(market, new_id(), stake=1), cookie)
    assert (status, refused["bet"]["refusal"]["code"]) == (422, "stake_below_minimum")
    assert refused["bet"]["refusal"]["threshold"] == 10
    status, problem, _ = server.call("POST", "/api/v1/bets", b'{"id":', cookie, headers={"Idempotency-Key": new_id()})
    assert (status, problem["code"]) == (400, "malformed")
    status, found, _ = server.call("GET", f"/api/v1/bets/{first['id']}", cookie=cookie)
    assert (status, found["bet"]["id"]) == (200, answer["bet"]["id"])


def test_strangers_see_only_what_is_theirs(server):
    one, other = server.sign_in(), server.sign_in()
    market = server.open_market()
    placed = server.call("POST", "/api/v1/bets", bet(market, new_id()), one)[1]["bet"]["id"]
    assert server.call("GET", f"/api/v1/bets/{placed}", cookie=one)[0] == 200
    assert server.call("GET", f"/api/v1/bets/{placed}", cookie=other)[0] == 404


def test_aiohttp_follows_a_market_and_its_checksum_holds(server):
    market = server.open_market()

    def crc(text):
        import journal_reader
        return f"{journal_reader.crc32c(text.encode()):08x}"

    async def go():
        async with aiohttp.ClientSession() as session:
            async with session.ws_connect(stream(server), origin=server.origin) as socket:
                assert (await socket.receive_json())["type"] == "hello"
                await socket.send_json({"op": "subscribe", "topics": [f"market/{market['id']}"]})
                image = await socket.receive_json()
                state = image["market"]
                deltas = 0
                while deltas < 5:
                    m = image if deltas == 0 and image else await socket.receive_json()
                    image = None
                    if m["type"] == "delta":
                        assert m["sequence"] == state["version"] + 1
                        state["version"], state["reasons"] = m["sequence"], m["reasons"]
                        for change in m["selections"]:
                            state["selections"][change["id"]]["odds"] = change["odds"]
                    elif m["type"] != "image":
                        continue
                    text = "|".join([state["id"], str(state["version"]), ",".join(state["reasons"])] + [
                        f"{s['id']}:{s['odds'][0]}/{s['odds'][1]}" if s["odds"] else f"{s['id']}:-"
                        for s in state["selections"]])
                    assert crc(text) == m["checksum"]
                    deltas += 1
                await socket.send_json({"op": "subscribe", "topics": [f"market/{market['id']}"], "resume": {
                    f"market/{market['id']}": {"epoch": m["epoch"], "sequence": state["version"] - 1}}})
                while True:
                    m = await socket.receive_json()
                    if m["type"] in ("delta", "image"):
                        assert m["type"] == "delta", "a resume must go on by deltas"
                        break

    asyncio.run(asyncio.wait_for(go(), 60))


def test_websockets_sees_the_protocol_kept(server):
    async def go():
        async with websockets.connect(stream(server), origin=server.origin) as socket:
            await socket.recv()
            pong = await socket.ping(b"are you there")
            await asyncio.wait_for(pong, 5)
            await socket.send(["{\"op\":", "\"pi", "ng\"}"])
            while json.loads(await socket.recv())["type"] != "pong":
                pass
            await socket.send("not json")
            while True:
                message = json.loads(await socket.recv())
                if message["type"] == "error":
                    assert message["code"] == "malformed"
                    break
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await socket.send("x" * 20_000)
                while True:
                    await socket.recv()
            assert closed.value.rcvd.code == 1009
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(stream(server), origin="http://evil.example")
        with pytest.raises(websockets.InvalidStatus):
            await websockets.connect(stream(server))

    asyncio.run(go())


def rss_kib(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return next(int(l.split()[1]) for l in status if l.startswith("VmRSS"))


def waiting_in_kernel(port):
    """Bytes that the kernel holds for each of the server's clients, sent and not acknowledged or not sent."""
    rows = [line.split() for line in open("/proc/net/tcp").read().splitlines()[1:]]
    return [int(row[4].split(":")[0], 16) for row in rows if int(row[1].split(":")[1], 16) == port and row[3] == "01"]


def test_clients_that_stop_reading_cost_no_more_than_their_bound(make_server):
    server = make_server("--match-seconds", "60", "--matches", "12", "--publish-interval", "10")
    server.open_market()
    before = rss_kib(server)

    async def go():
        sockets = []
        for _ in range(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write((f"GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: {server.origin}\r\n"
                          "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.pause_reading()
            topics = ["fixtures"] + [f"market/{n}" for n in range(36)]
            payload = json.dumps({"op": "subscribe", "topics": topics}).encode()
            frame = bytes([0x81, 0x80 | 126]) + len(payload).to_bytes(2, "big") + bytes(4) + payload
            for _ in range(60):
                writer.write(frame)
            sockets.append(writer)
        # One that reads must be served all the while.
        async with websockets.connect(stream(server), origin=server.origin) as good:
            await good.send(json.dumps({"op": "subscribe", "topics": ["fixtures"]}))
            for _ in range(10):
                await asyncio.wait_for(good.recv(), 5)
        await asyncio.sleep(4)
        grown = rss_kib(server) - before
        kernel = sorted(waiting_in_kernel(server.port))[-20:]
        for writer in sockets:
            writer.transport.abort()
        return grown, kernel

    grown, kernel = asyncio.run(go())
    # 20 clients x (1 MiB of output and what the protocol around it needs).
    assert grown < 20 * 2048 + 30_000
    # The kernel takes 128 KiB beyond what is on its way, in pieces of at most 64 KiB.
    assert len(kernel) == 20 and 65_536 < kernel[-1] <= 131_072 + 65_536, kernel
    assert server.process.poll() is None


@pytest.mark.parametrize("who", ["stranger", "customer", "operator"])
def test_schemathesis_finds_nothing_with_all_its_checks(server, tmp_path, who):
    base, key = (server.desk, "grandstand-desk-dev") if who == "operator" else (server.origin, "grandstand-dev")
    config = (pathlib.Path(__file__).parent / "schemathesis.toml").read_text()
    if who == "customer":
        cookie = server.sign_in()
    elif who == "operator":
        cookie = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[0]}, base=base)[2]["Set-Cookie"].split(";")[0]
    if who != "stranger":
        config += f'\n[auth.openapi.session]\napi_key = "{cookie.split("=", 1)[1]}"\n'
    file = tmp_path / "schemathesis.toml"
    file.write_text(config)
    # Streams never end, and whoever signs out cannot go on.
    command = [pathlib.Path(sys.executable).parent / "schemathesis", "--config-file", file, "run", base + "/openapi.json", "--checks", "all",
               "--max-examples", "30", "--seed", "17", "-H", f"Origin: {base}", "--exclude-path-regex", "/(stream|events)$"]
    if who != "stranger":
        command += ["--exclude-operation-id", "signOut"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert found.returncode == 0, found.stdout[-6000:]
    if who != "stranger":
        assert "returned only 401/403" not in found.stdout, found.stdout[-6000:]
