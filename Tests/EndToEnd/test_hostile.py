"""Clients that are slow, that stop, and that mean harm: each gets its answer, nobody else notices, memory stays bounded."""

import asyncio
import json
import re
import socket
import struct
import subprocess
import time

import pytest
import websockets

from conftest import BINARY, bet, new_id

ORIGIN_HEAD = ("GET /api/v1/stream HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {origin}\r\nUpgrade: websocket\r\n"
               "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}\r\n")


def frame(payload=b"", opcode=1, final=True, masked=True, reserved=0, length=None):
    head = bytes([(0x80 if final else 0) | reserved << 4 | opcode])
    size = len(payload) if length is None else length
    mask = 0x80 if masked else 0
    if size < 126:
        head += bytes([mask | size])
    elif size < 65536:
        head += bytes([mask | 126]) + size.to_bytes(2, "big")
    else:
        head += bytes([mask | 127]) + size.to_bytes(8, "big")
    return head + (bytes(4) if masked else b"") + payload


async def dial(server, more="", small=False, **options):
    own = socket.socket()
    if small:
        # The kernel keeps little for a client that does not read, so that the server must.
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    own.connect(("127.0.0.1", server.port))
    reader, writer = await asyncio.open_connection(sock=own, **options)
    writer.write(ORIGIN_HEAD.format(port=server.port, origin=server.origin, more=more).encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in head.split(b"\r\n")[0]
    return reader, writer


async def frames(reader):
    """Whole frames of the server's, until it ends."""
    while True:
        try:
            first, second = await reader.readexactly(2)
            size = second & 127
            if size == 126:
                size = int.from_bytes(await reader.readexactly(2), "big")
            elif size == 127:
                size = int.from_bytes(await reader.readexactly(8), "big")
            yield first & 15, await reader.readexactly(size)
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return


def rss_kib(server):
    with open(f"/proc/{server.process.pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    from conftest import Server
    server = Server(tmp_path_factory.mktemp("hostile") / "data", "--match-seconds", "2000")
    yield server
    server.stop()


BROKEN = [
    ("no mask", frame(b"{}", masked=False), 1002),
    ("a reserved bit", frame(b"{}", reserved=4), 1002),
    ("an unknown opcode", frame(b"", opcode=3), 1002),
    ("an unknown control opcode", frame(b"", opcode=11), 1002),
    ("a ping in two parts", frame(b"", opcode=9, final=False), 1002),
    ("a ping that is too long", frame(b"x" * 126, opcode=9), 1002),
    ("a continuation of nothing", frame(b"x", opcode=0), 1002),
    ("a text inside a text", frame(b"{", final=False) + frame(b"}"), 1002),
    ("bytes that are not UTF-8", frame(b"\xc3\x28"), 1007),
    ("a surrogate in UTF-8", frame(b"\xed\xa0\x80"), 1007),
    ("UTF-8 broken over two fragments", frame(b"\xe2\x82", final=False) + frame(b"\x28", opcode=0), 1007),
    ("a length of four exabytes", frame(length=1 << 62), 1009),
    ("a length beyond 63 bits", frame(length=1 << 63), 1002),
    ("fragments beyond the bound", frame(b"x" * 9000, final=False) + frame(b"x" * 9000, opcode=0), 1009),
    ("binary", frame(b"{}", opcode=2), 1003),
    ("a close code that may not be sent", frame(struct.pack(">H", 1005), opcode=8), 1002),
    ("a close of one byte", frame(b"\x03", opcode=8), 1002),
    ("a close whose reason is not UTF-8", frame(struct.pack(">H", 1000) + b"\xff", opcode=8), 1007),
    ("a proper close", frame(struct.pack(">H", 1000), opcode=8), 1000),
]


@pytest.mark.parametrize("what, sent, code", BROKEN, ids=[b[0] for b in BROKEN])
def test_a_broken_frame_gets_its_close_code(shared, what, sent, code):
    async def go():
        reader, writer = await dial(shared)
        writer.write(sent)
        closes = [payload async for opcode, payload in frames(reader) if opcode == 8]
        writer.close()
        assert closes and int.from_bytes(closes[0][:2], "big") == code

    asyncio.run(asyncio.wait_for(go(), 10))
    assert shared.process.poll() is None


def test_who_asks_for_more_than_is_allowed_is_told_so(shared):
    async def go():
        async with websockets.connect(shared.origin.replace("http", "ws") + "/api/v1/stream", origin=shared.origin) as connection:
            async def error():
                while True:
                    message = json.loads(await asyncio.wait_for(connection.recv(), 5))
                    if message["type"] == "error":
                        return message["code"]

            for text, code in [
                ("[" * 100, "malformed"), ('{"op":"place","op":"place"}', "malformed"), ('{"op":7}', "unknown_op"),
                ('{"op":"subscribe","topics":["market/99999999999999999999"]}', "unknown_topic"),
                ('{"op":"subscribe","topics":["bets"]}', "not_signed_in"), ('{"op":"place"}', "not_signed_in"),
                (json.dumps({"op": "subscribe", "topics": [{}] * 1200}), "malformed"),
            ]:
                await connection.send(text)
                assert await error() == code, text

    asyncio.run(go())


@pytest.mark.parametrize("who", ["punter", "operator"])
def test_nonsense_beyond_the_rate_is_refused_and_ends_nothing(make_server, who):
    server = make_server("--matches", "1", "--requests-per-second", "1", "--requests-burst", "8")
    if who == "punter":
        base, cookie = server.origin, server.sign_in()
    else:
        base = server.desk
        cookie = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[0]}, base=base)[2]["Set-Cookie"].split(";")[0]

    async def go():
        async with websockets.connect(base.replace("http", "ws") + "/api/v1/stream", origin=base, additional_headers={"Cookie": cookie}) as line:
            codes = set()
            for text in ["", "x", "{", "tru", "[", "-", '"', "{}", '{"id":7}', '{"op":"place","id":"a"}', '{"op":7}'] * 3:
                await line.send(text)
                while (message := json.loads(await asyncio.wait_for(line.recv(), 10)))["type"] != "error":
                    pass
                codes.add(message["code"])
            return codes

    assert "rate_limited" in asyncio.run(go())
    assert server.process.poll() is None


def test_a_flood_of_errors_that_nobody_reads_ends_the_connection_within_its_bound(shared):
    before = rss_kib(shared)

    async def go():
        reader, writer = await dial(shared, small=True, limit=1024)
        writer.transport.pause_reading()
        nonsense = frame(b'{"op":"nothing that is known"}') * 1000
        for _ in range(300):
            writer.write(nonsense)
            try:
                await asyncio.wait_for(writer.drain(), 2)
            except (TimeoutError, ConnectionError):
                break
        # Cut by the server, or no longer read by it: either way it holds no more than its bound.
        held = rss_kib(shared) - before
        writer.transport.abort()
        return held

    assert asyncio.run(go()) < 16_000
    assert shared.process.poll() is None


def test_a_slow_client_gets_images_for_what_it_missed_and_every_answer_to_its_bets(make_server):
    server = make_server("--matches", "70", "--match-seconds", "2000", "--demo-grant", "100000000")
    cookie = server.sign_in()
    market = server.open_market()
    _, _, headers = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[0]}, base=server.desk)
    operator = headers["Set-Cookie"].split(";")[0]

    def change_everything(how):
        assert server.call("POST", f"/api/v1/{how}-all", {"reason": "much news"}, base=server.desk, cookie=operator)[0] == 200

    async def go():
        reader, writer = await dial(server, more=f"Cookie: {cookie}\r\n", small=True, limit=1 << 16)
        topics = ["bets", "wallet"] + [f"market/{number}" for number in range(190)]
        writer.write(frame(json.dumps({"op": "subscribe", "topics": topics}).encode()))
        writer.transport.pause_reading()
        sent = []
        for turn in range(40):
            await asyncio.to_thread(change_everything, "resume" if turn % 2 else "suspend")
            for _ in range(5):
                one = bet(market, new_id(), stake=10, seconds=50)
                sent.append(one["id"])
                writer.write(frame(json.dumps({"op": "place", **one}).encode()))
        writer.transport.resume_reading()
        answers, versions, images, target = {}, {}, 0, None
        async for opcode, payload in frames(reader):
            if opcode == 9:
                # It was silent for so long that it is asked whether it lives.
                writer.write(frame(payload, opcode=10))
                continue
            assert opcode == 1, "the client was cut although it stayed under its bound"
            message = json.loads(payload)
            if message["type"] == "bet":
                # Told once, and again only of what became of it: the match may begin meanwhile.
                assert answers.get(message["bet"]["clientId"], {}).get("status") != message["bet"]["status"]
                answers[message["bet"]["clientId"]] = message["bet"]
            if message["type"] in ("image", "delta") and message["topic"].startswith("market/"):
                known = versions.get(message["topic"])
                # A version is passed over only by an image.
                assert known is None or message["type"] == "image" or message["sequence"] == known + 1
                images += message["type"] == "image" and known is not None
                versions[message["topic"]] = message["sequence"]
            if len(answers) == len(sent) and target is None:
                target = await asyncio.to_thread(newest)
            # Whoever has caught up has a version of everything that is as new as what could be read before.
            if target is not None and all(versions[topic] >= target[topic] for topic in versions):
                break
        writer.transport.abort()
        return answers, sent, images

    def newest():
        found = {}
        for fixture in server.call("GET", "/api/v1/fixtures")[1]["fixtures"]:
            for one in server.call("GET", f"/api/v1/fixtures/{fixture['id']}")[1]["markets"]:
                found[f"market/{one['id']}"] = int(one["version"])
        return found

    answers, sent, images = asyncio.run(asyncio.wait_for(go(), 60))
    assert set(answers) == set(sent)
    assert images > 0, "the client was never slow enough: the test proved nothing"


def test_pipelined_requests_wait_in_the_kernel_and_are_all_answered(shared):
    """Twenty thousand questions at once: in order, and never more in memory than the bound."""
    body = b'{"legs":[],"stake":{"amount":1,"currency":"EUR"}}'
    one = (f"POST /api/v1/slip HTTP/1.1\r\nHost: 127.0.0.1:{shared.port}\r\nOrigin: {shared.origin}\r\n"
           f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body

    async def go():
        reader, writer = await asyncio.open_connection("127.0.0.1", shared.port, limit=1 << 16)
        before, most, answered, wanted = rss_kib(shared), 0, 0, 20_000

        async def ask():
            for _ in range(wanted // 100):
                writer.write(one * 100)
                await writer.drain()

        asking = asyncio.create_task(ask())
        while answered < wanted:
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 20)
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            answered += 1
            if answered % 1000 == 0:
                most = max(most, rss_kib(shared) - before)
        await asking
        writer.close()
        return most

    assert asyncio.run(go()) < 16_000


def test_a_request_that_drips_in_on_a_kept_connection_has_ten_seconds(shared):
    async def go():
        reader, writer = await asyncio.open_connection("127.0.0.1", shared.port)
        whole = f"GET /health/live HTTP/1.1\r\nHost: 127.0.0.1:{shared.port}\r\n\r\n".encode()
        writer.write(whole)
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.2)
        began = time.monotonic()
        end = asyncio.create_task(reader.read())
        for byte in whole:
            writer.write(bytes([byte]))
            done, _ = await asyncio.wait({end}, timeout=0.4)
            if done:
                assert b" 408 " in end.result()
                break
        return time.monotonic() - began

    assert 9 < asyncio.run(go()) < 20


def test_who_signs_out_bets_no_more_on_any_connection(make_server):
    server = make_server("--loops", "3", "--match-seconds", "2000")
    cookie, market = server.sign_in(), server.open_market()

    async def go():
        url = server.origin.replace("http", "ws") + "/api/v1/stream"
        pages = [await websockets.connect(url, origin=server.origin, additional_headers={"Cookie": cookie}) for _ in range(9)]
        for page in pages:
            await page.recv()
        assert (await asyncio.to_thread(server.call, "DELETE", "/api/v1/session", None, cookie))[0] == 204
        words = []
        for page in pages:
            try:
                await page.send(json.dumps({"op": "place", **bet(market, new_id())}))
                while True:
                    message = json.loads(await asyncio.wait_for(page.recv(), 5))
                    if message["type"] in ("bet", "error"):
                        words.append(message.get("code"))
                        break
            except websockets.ConnectionClosed:
                words.append("closed")
        return words

    assert set(asyncio.run(go())) <= {"not_signed_in", "closed"}


@pytest.mark.parametrize("loops", [1, 3])
def test_every_loop_tells_every_page_of_an_account(make_server, loops):
    server = make_server("--loops", str(loops), "--match-seconds", "2000")
    cookie = server.sign_in()
    market = server.open_market()

    async def go():
        url = server.origin.replace("http", "ws") + "/api/v1/stream"
        pages = [await websockets.connect(url, origin=server.origin, additional_headers={"Cookie": cookie}) for _ in range(12)]
        for page in pages:
            await page.send('{"op":"subscribe","topics":["bets","wallet"]}')
        await asyncio.sleep(0.2)
        wanted = set()
        for page in pages:
            one = bet(market, new_id())
            wanted.add(one["id"])
            await page.send(json.dumps({"op": "place", **one}))
        for page in pages:
            heard = set()
            while heard != wanted:
                message = json.loads(await asyncio.wait_for(page.recv(), 10))
                if message["type"] == "bet":
                    assert message["bet"]["clientId"] not in heard
                    heard.add(message["bet"]["clientId"])
            await page.close()

    asyncio.run(go())
    metrics = server.call("GET", "/metrics", base=server.desk)[1]
    assert int(re.search(r"^grandstand_engine_commands_total (\d+)", metrics, re.M)[1]) > 12
    assert server.stop() == 0
    assert subprocess.run([BINARY, "journal", "verify", server.directory], capture_output=True).returncode == 0


def test_wrk_finds_no_error_over_a_kept_and_a_closed_connection(shared):
    for headers in ([], ["-H", "Connection: close"]):
        answer = subprocess.run(["wrk", "-t1", "-c32", "-d1", *headers, shared.origin + "/api/v1/fixtures"],
                                capture_output=True, text=True, check=True).stdout
        assert int(re.search(r"(\d+) requests in", answer)[1]) > 100
        assert "Non-2xx" not in answer and "Socket errors" not in answer, answer
