"""The edge as its clients see it: rates, keys, cursors, conditions, events, topics and operations."""

import asyncio
import base64
import concurrent.futures
import gzip
import itertools
import json
import math
import os
import signal
import socket
import subprocess
import time
import urllib.request
from fractions import Fraction

import brotli
import cachecontrol
import jsonschema
import pytest
import requests
import websockets
from pydantic_asyncapi.v3 import AsyncAPI
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from conftest import BINARY, bet, free_port, new_id


def events_until(server, path, wanted, cookie=None, headers=None, seconds=20):
    """Events, as (id, data), up to the first for which `wanted` says yes."""
    request = urllib.request.Request(server.origin + path, headers={**(headers or {}), **({"Cookie": cookie} if cookie else {})})
    seen, id, data = [], None, []
    deadline = time.monotonic() + seconds
    with urllib.request.urlopen(request, timeout=seconds) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        for raw in answer:
            assert time.monotonic() < deadline, f"not seen within {seconds} s: {seen[-3:]}"
            line = raw.decode().rstrip("\n")
            if line.startswith("id: "):
                id = line[4:]
            elif line.startswith("data: "):
                data.append(line[6:])
            elif not line and data:
                seen.append((id, json.loads("\n".join(data))))
                id, data = None, []
                if wanted(seen[-1][1]):
                    return seen
    raise AssertionError("the stream ended")


@pytest.fixture
def live(make_server):
    """Matches that are in play after a moment."""
    return make_server("--match-seconds", "60", "--seed", "7")


class Socket:
    """A WebSocket client of the `websockets` library."""

    def __init__(self, server, cookie=None, **more):
        headers = {"Cookie": cookie} if cookie else {}
        self.connecting = websockets.connect(
            server.origin.replace("http", "ws") + "/api/v1/stream", origin=server.origin, additional_headers=headers, **more)

    async def __aenter__(self):
        self.socket = await self.connecting.__aenter__()
        self.seen = []
        await self.until(lambda m: m["type"] == "hello")
        return self

    async def __aexit__(self, *what):
        await self.connecting.__aexit__(*what)

    async def send(self, **message):
        await self.socket.send(json.dumps(message))

    async def until(self, wanted, seconds=20):
        """The first message for which `wanted` says yes; all before it are in `seen`."""
        async with asyncio.timeout(seconds):
            while True:
                message = json.loads(await self.socket.recv())
                self.seen.append(message)
                if wanted(message):
                    return message


# Rates

def test_a_user_who_asks_too_often_is_told_when_to_come_back_and_bets_come_first(make_server):
    server = make_server("--match-seconds", "2000", "--seed", "7", "--requests-per-second", "5", "--requests-burst", "40")
    cookie = server.sign_in()
    answers = [server.call("GET", "/api/v1/session", cookie=cookie) for _ in range(60)]
    assert answers[0][0] == 200 and answers[0][2]["RateLimit-Policy"] == '"user";q=40;w=8'
    status, problem, headers = answers[-1]
    assert (status, problem["code"]) == (429, "rate_limited")
    assert int(headers["Retry-After"]) >= 1 and headers["RateLimit"].startswith('"user";r=0;')
    # A quarter of the burst is left to bets.
    market = server.open_market()
    assert server.call("POST", "/api/v1/bets", bet(market, new_id()), cookie)[0] == 201
    # Another user's rate is its own.
    assert server.call("GET", "/api/v1/session", cookie=server.sign_in())[0] == 200
    time.sleep(int(headers["Retry-After"]))
    assert server.call("GET", "/api/v1/session", cookie=cookie)[0] == 200


def test_a_rate_counts_over_all_connections_and_protocols_of_a_user(make_server):
    server = make_server("--match-seconds", "2000", "--seed", "7", "--requests-per-second", "1", "--requests-burst", "40")
    cookie = server.sign_in()

    async def run():
        async with Socket(server, cookie) as one:
            for _ in range(40):
                await one.send(op="ping")
            answers = [await one.until(lambda m: m["type"] in ("pong", "error")) for _ in range(40)]
            assert [a["type"] for a in answers[:29]] == ["pong"] * 29, "the handshake counts, and ten are left to bets"
            assert answers[-1]["code"] == "rate_limited"
    asyncio.run(run())
    # What the socket used up is used up for requests too; a second gives one back.
    assert 429 in [server.call("GET", "/api/v1/session", cookie=cookie)[0] for _ in range(10)]


def test_protecting_oneself_comes_before_browsing_on_every_protocol(make_server):
    server = make_server("--matches", "1", "--requests-per-second", "1", "--requests-burst", "40")
    cookie = server.sign_in()

    async def run():
        async with Socket(server, cookie) as one:
            for _ in range(40):
                await one.send(op="ping")
            while (await one.until(lambda m: m["type"] in ("pong", "error")))["type"] == "pong":
                pass
            await one.send(op="getAccount", ref="browse")
            assert (await one.until(lambda m: m["type"] == "error" or m.get("ref") == "browse"))["type"] == "error"
            await one.send(op="setLimit", ref="protect", parameters={"kind": "stake", "period": "day"}, body={"amount": 500})
            answer = await one.until(lambda m: m.get("ref") == "protect")
            assert (answer["status"], answer["body"]["limit"]["amount"]) == (200, 500) and answer["tag"].startswith('"')
    asyncio.run(run())


def test_a_loop_that_is_behind_answers_bets_before_browsing(make_server):
    server = make_server("--match-seconds", "600", "--seed", "7", "--loops", "1")
    cookie, market = server.sign_in(), server.open_market()
    os.kill(server.process.pid, signal.SIGSTOP)
    time.sleep(2)
    os.kill(server.process.pid, signal.SIGCONT)
    # What lay in the kernel is read first; then the loop sees how late it is.
    deadline = time.monotonic() + 5
    while (answer := server.call("GET", "/api/v1/fixtures"))[0] == 200 and time.monotonic() < deadline:
        pass
    status, problem, headers = answer
    assert (status, problem["code"], headers["Retry-After"]) == (503, "overloaded", "1")
    # Whatever is decided about the bet, it is decided.
    assert server.call("POST", "/api/v1/bets", bet(market, new_id()), cookie)[0] in (201, 202, 422)
    assert server.call("GET", "/health/live")[0] == 200
    time.sleep(0.6)
    assert server.call("GET", "/api/v1/fixtures")[0] == 200


# Money moves once

def test_a_bet_by_rest_needs_a_key_and_the_same_key_moves_money_once(server):
    cookie, market = server.sign_in(), server.open_market()
    body = bet(market, new_id())
    raw = json.dumps(body).encode()
    status, problem, _ = server.call("POST", "/api/v1/bets", raw, cookie)
    assert (status, problem["code"]) == (400, "idempotency_key_missing")
    status, problem, _ = server.call("POST", "/api/v1/bets", raw, cookie, headers={"Idempotency-Key": '"mine"'})
    assert (status, problem["code"]) == (400, "idempotency_key_malformed")
    status, problem, _ = server.call("POST", "/api/v1/bets", raw, cookie, headers={"Idempotency-Key": f'"{new_id()}"'})
    assert (status, problem["code"], "Idempotency-Key" in problem["detail"]) == (422, "not_a_bet", True)
    key = new_id()
    del body["id"]
    for expected in (201, 200):
        status, answer, _ = server.call("POST", "/api/v1/bets", body, cookie, headers={"Idempotency-Key": f'"{key}"'})
        assert (status, answer["bet"]["clientId"], answer["bet"]["repeated"]) == (expected, key, expected == 200)
    other = {**body, "stake": {**body["stake"], "amount": 200}}
    status, answer, _ = server.call("POST", "/api/v1/bets", other, cookie, headers={"Idempotency-Key": f'"{key}"'})
    assert (status, answer["bet"]["refusal"]["code"]) == (422, "id_reused")


def test_a_system_is_taken_shown_and_settled_as_its_lines(make_server):
    server = make_server("--match-seconds", "2000", "--seed", "7", "--demo-grant", "1000000")
    cookie, markets = server.sign_in(), server.open_markets(4)
    first, second = (server.call("POST", "/api/v1/sign-in", {"code": code}, base=server.desk)[2]["Set-Cookie"].split(";")[0] for code in server.codes()[:2])
    legs = [bet(market, new_id())["legs"][0] for market in markets]

    def ask(system, amount, per="bet", legs=legs, path="/api/v1/bets", **more):
        body = {**bet(markets[0], new_id(), stake=amount), "structure": "system", "system": system, "legs": legs,
                "priceRule": "any", "tolerance": 255, **more}
        body["stake"]["per"] = per
        if path != "/api/v1/bets":
            del body["id"], body["validUntil"]
        return server.call("POST", path, body, cookie)

    # What is no system, and what does not divide, costs nothing.
    for system, amount, code in (({"sizes": [5]}, 100, "not_a_bet"), ({"sizes": [2, 2]}, 100, "malformed"), ({"sizes": [2], "bankers": [4]}, 100, "not_a_bet"),
                                 ({}, 100, "malformed"), ({"sizes": []}, 100, "not_a_bet"), ({"sizes": [2], "bankers": [0, 1, 2, 3]}, 100, "not_a_bet")):
        assert ask(system, amount)[1]["code"] == code, system
    status, answer, _ = ask({"sizes": [2, 3, 4]}, 100)
    assert (status, answer["bet"]["refusal"]["code"], answer["bet"]["refusal"]["threshold"]) == (422, "stake_not_divisible", 11)
    worth = lambda lines, odds: int(10 * sum(math.prod(Fraction(*odds[leg]) for leg in line) for line in lines))
    every = [line for size in (2, 3, 4) for line in itertools.combinations(range(4), size)]
    pairs = [(0, 1), (0, 2), (0, 3)]

    def odds_now():
        return [server.call("GET", f"/api/v1/markets/{market['id']}")[1]["market"]["selections"][0]["odds"] for market in markets]

    while True:
        # Prices may move between two questions: asked until they did not.
        before, numbers = odds_now(), ask({"sizes": [2, 3, 4]}, 10, "line", path="/api/v1/slip")[1]
        if before == odds_now():
            break
    assert (numbers["lines"], numbers["potentialReturn"]) == (11, worth(every, before))
    status, yankee, _ = ask({"sizes": [2, 3, 4]}, 10, "line")
    yankee = yankee["bet"]
    assert (status, yankee["stake"], yankee["potentialReturn"]) == (201, 110, worth(every, yankee["odds"]))
    status, banker, _ = ask({"sizes": [1], "bankers": [0]}, 30)
    banker = banker["bet"]
    assert (status, banker["potentialReturn"]) == (201, worth(pairs, banker["odds"]))
    assert server.call("GET", "/api/v1/account", cookie=cookie)[1]["balances"] == {"cash": 999_860, "bonus": 0, "free": 0, "held": 0, "openBets": 140, "owed": 0}

    # The first leg wins, the second loses, the third is void, the fourth is not decided: then it is.
    def decide(market, result):
        others = len(market["selections"]) - 2
        first_two = {"won": ["won", "lost"], "lost": ["lost", "won"], "void": ["void", "void"]}[result]
        results = {"results": first_two + ["void" if result == "void" else "lost"] * others, "reason": "seen"}
        proposal = server.call("POST", f"/api/v1/markets/{market['id']}/results", results, first, base=server.desk)[1]["proposal"]
        assert server.call("POST", f"/api/v1/proposals/{proposal}/approve", {}, second, base=server.desk)[0] == 200

    def mine():
        bets = server.call("GET", "/api/v1/bets", cookie=cookie)[1]["bets"]
        return {b["id"]: b for b in bets if b["status"] != "refused"}

    for market, result in zip(markets, ["won", "lost", "void"]):
        decide(market, result)
    assert {b["status"] for b in mine().values()} == {"open"}, "a line of each can still win"
    decide(markets[3], "won")
    deadline = time.monotonic() + 10
    while {b["status"] for b in mine().values()} != {"settled"} and time.monotonic() < deadline:
        time.sleep(0.05)
    found = mine()
    for one, lines in ((yankee, every), (banker, pairs)):
        settled = [[1, 1] if leg == 2 else odds for leg, odds in enumerate(one["odds"])]
        assert found[one["id"]]["payout"] == worth([line for line in lines if 1 not in line], settled)
    assert found[yankee["id"]]["system"] == {"name": "yankee", "sizes": [2, 3, 4], "bankers": [], "lines": 11}
    assert found[banker["id"]]["system"] == {"sizes": [1], "bankers": [0], "lines": 3}
    assert server.call("POST", "/api/v1/audit", {}, first, base=server.desk)[1]["problems"] == []


def test_demo_money_is_given_once_for_a_key_also_after_a_restart(make_server):
    server = make_server("--feed", "none")
    assert server.call("POST", "/api/v1/demo")[1]["code"] == "idempotency_key_missing"
    old = "019a" + new_id()[4:]
    assert server.call("POST", "/api/v1/demo", headers={"Idempotency-Key": old})[1]["code"] == "id_outside_window"
    key = new_id()
    seen = []
    for turn in range(4):
        if turn == 2:
            server.stop()
            server.start()
        status, account, headers = server.call("POST", "/api/v1/demo", headers={"Idempotency-Key": key})
        seen.append((status, account["account"], account["balances"]["cash"]))
        cookie = headers["Set-Cookie"].split(";")[0]
        assert server.call("GET", "/api/v1/account", cookie=cookie)[1]["account"] == account["account"]
        items = server.call("GET", "/api/v1/statement", cookie=cookie)[1]["lines"]
        assert [one["reason"] for one in items] == ["deposit"]
    assert seen == [(201 if turn == 0 else 200, *seen[0][1:]) for turn in range(4)]
    assert server.call("POST", "/api/v1/demo", headers={"Idempotency-Key": new_id()})[1]["account"] != seen[0][1]


def test_the_same_key_at_the_same_time_is_carried_out_once(server):
    cookie, market = server.sign_in(), server.open_market()
    body = bet(market, new_id())
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: server.call("POST", "/api/v1/bets", body, cookie)[:2], range(64)))
    assert {status for status, _ in answers} <= {200, 201, 409}
    assert [status for status, _ in answers].count(201) == 1
    assert all(answer["code"] == "request_in_progress" for status, answer in answers if status == 409)


# Listings

def test_cursors_are_ours_alone(server):
    cookie, market = server.sign_in(), server.open_market()
    for _ in range(5):
        assert server.call("POST", "/api/v1/bets", bet(market, new_id()), cookie)[0] == 201
    deadline = time.monotonic() + 10
    while len(server.call("GET", "/api/v1/bets", cookie=cookie)[1]["bets"]) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    whole = server.call("GET", "/api/v1/bets", cookie=cookie)[1]
    assert whole["next"] is None
    pages, cursor = [], None
    while True:
        page = server.call("GET", "/api/v1/bets?limit=2" + (f"&cursor={cursor}" if cursor else ""), cookie=cookie)[1]
        pages.append([b["id"] for b in page["bets"]])
        cursor = page["next"] or cursor
        # Where a page ended is nobody's business.
        hidden = base64.urlsafe_b64decode(cursor + "==")
        assert all(int(b["id"]) != int.from_bytes(hidden[:8], "big") for b in page["bets"])
        if not page["next"]:
            break
    assert pages == [[b["id"] for b in whole["bets"]][i:i + 2] for i in (0, 2, 4)]
    changed = ("A" if cursor[3] != "A" else "B").join((cursor[:3], cursor[4:]))
    for wrong, path in ((changed, "/api/v1/bets"), (cursor, "/api/v1/statement"), ("x", "/api/v1/bets")):
        status, problem, _ = server.call("GET", f"{path}?cursor={wrong}", cookie=cookie)
        assert (status, problem["code"]) == (422, "cursor_invalid")
    status, problem, _ = server.call("GET", f"/api/v1/bets?cursor={cursor}", cookie=server.sign_in())
    assert (status, problem["code"]) == (422, "cursor_invalid")
    # They are good after a restart.
    assert server.stop() == 0
    server.start()
    assert server.call("GET", f"/api/v1/bets?limit=2&cursor={cursor}", cookie=cookie)[0] == 200
    assert (server.directory / "cursors.key").stat().st_mode & 0o777 == 0o600


def test_what_a_client_has_is_not_sent_again(server):
    market = server.open_market()
    path = f"/api/v1/markets/{market['id']}"
    for _ in range(50):
        status, first, headers = server.call("GET", path)
        assert status == 200 and headers["Cache-Control"] == "no-cache"
        status, body, again = server.call("GET", path, headers={"If-None-Match": f'"other", {headers["ETag"]}'})
        if status == 304:
            assert body is None and again["ETag"] == headers["ETag"]
            break
    else:
        raise AssertionError("the market changed between any two requests")
    assert server.call("GET", path, headers={"If-None-Match": 'W/"other"'})[0] == 200
    cookie = server.sign_in()
    _, _, headers = server.call("GET", "/api/v1/bets", cookie=cookie)
    assert headers["Cache-Control"] == "private, no-cache"
    assert server.call("GET", "/api/v1/bets", cookie=cookie, headers={"If-None-Match": headers["ETag"]})[0] == 304


# Events

def test_events_resume_by_themselves_where_they_were(live):
    market = live.open_market(in_play=True)
    topic = f"market/{market['id']}"
    path = f"/api/v1/events?topics={topic}"
    seen = events_until(live, path, lambda m: m["type"] == "delta" and m["sequence"] > market["version"] + 2)
    image = next(m for _, m in seen if m["type"] == "image")
    deltas = [m for _, m in seen if m["type"] == "delta"]
    assert [m["sequence"] for m in deltas] == list(range(image["sequence"] + 1, image["sequence"] + 1 + len(deltas)))
    id = [id for id, _ in seen if id][-1]
    time.sleep(1)
    after = events_until(live, path, lambda m: m["type"] == "caughtUp", headers={"Last-Event-ID": id})
    missed = [m["sequence"] for _, m in after if m["type"] in ("image", "delta")]
    assert after[0][1]["type"] == "delta", "what was missed comes as it was"
    assert missed == list(range(deltas[-1]["sequence"] + 1, missed[-1] + 1))
    status, problem, _ = live.call("GET", path, headers={"Last-Event-ID": "yesterday"})
    assert (status, problem["code"]) == (400, "malformed")


def test_events_of_ones_own_need_a_session_and_tell_what_was_missed_in_one_order(server):
    cookie, market = server.sign_in(), server.open_market()
    path = f"/api/v1/events?topics=bets,wallet,market/{market['id']}"
    assert server.call("GET", path)[0] == 401
    seen = events_until(server, path, lambda m: m["type"] == "heartbeat", cookie)
    place = seen[-1][0]
    placed = [server.call("POST", "/api/v1/bets", bet(market, new_id(), stake=100 + i), cookie)[1]["bet"]["id"] for i in range(3)]
    refused = server.call("POST", "/api/v1/bets", bet(market, new_id(), stake=90_000_000), cookie)[1]["bet"]["clientId"]
    after = events_until(server, path, lambda m: m["type"] == "caughtUp", cookie, {"Last-Event-ID": place})
    told = [m for _, m in after if "topic" in m]
    assert [m["order"] for m in told] == sorted(m["order"] for m in told)
    bets = [m["bet"] for m in told if m["topic"] == "bets"]
    assert [b["id"] for b in bets if b["status"] != "refused"] == placed
    assert [b["clientId"] for b in bets if b["status"] == "refused"] == [refused]
    balances = server.call("GET", "/api/v1/account", cookie=cookie)[1]["balances"]
    assert [m["balances"] for m in told if "balances" in m][-1] == balances
    # And what comes next comes as it happens, with a place of its own.
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        follow = pool.submit(events_until, server, path, lambda m: m["type"] == "bet", cookie, {"Last-Event-ID": after[-1][0] or place})
        time.sleep(0.5)
        body = bet(market, new_id(), stake=500)
        server.call("POST", "/api/v1/bets", body, cookie)
        live = follow.result()
    assert live[-1][1]["bet"]["clientId"] == body["id"] and live[-1][0] is not None


# Topics

def test_a_page_of_one_match_follows_its_markets_and_its_incidents(live):
    market = live.open_market(in_play=True)

    async def run():
        async with Socket(live) as one:
            fixture = market["fixture"]
            await one.send(op="subscribe", topics=[f"fixture/{fixture}", f"fixture/{fixture}/markets", "incidents"])
            await one.until(lambda m: m["type"] == "caughtUp")
            images = {m["topic"] for m in one.seen if m["type"] == "image"}
            assert f"fixture/{fixture}" in images and f"market/{market['id']}" in images and len(images) >= 3
            incident = await one.until(lambda m: m["type"] == "incident", 60)
            assert incident["topic"] == "incidents" and incident["incident"] != "none" and incident["order"] > 0
            assert "2026" <= incident["providerTime"][:4] and "2026" <= incident["ingestTime"][:19] <= incident["time"][:19]
            await one.send(op="unsubscribe", topics=[f"fixture/{fixture}/markets"])
            await one.send(op="subscribe", topics=["nonsense", "fixture/999999", "bets"])
            for code in ("unknown_topic", "unknown_topic", "not_signed_in"):
                assert (await one.until(lambda m: m["type"] == "error"))["code"] == code
    asyncio.run(run())


def test_a_list_may_be_filtered_and_what_leaves_it_is_told_once_more(make_server):
    server = make_server("--match-seconds", "20", "--seed", "7")

    async def run():
        async with Socket(server) as one:
            topic = "fixtures?inPlay=true"
            await one.send(op="subscribe", topics=[topic])
            listed = {f["id"]: f for f in (await one.until(lambda m: m["type"] == "image"))["fixtures"]}
            assert all(f["inPlay"] for f in listed.values())
            deadline = time.monotonic() + 60
            came = left = False
            while not (came and left):
                assert time.monotonic() < deadline
                for f in (await one.until(lambda m: m.get("topic") == topic, 60))["fixtures"]:
                    came |= f["inPlay"] and f["id"] not in listed
                    left |= not f["inPlay"] and f["id"] in listed
                    assert f["inPlay"] or f["id"] in listed
                    if f["inPlay"]:
                        listed[f["id"]] = f
                    else:
                        del listed[f["id"]]
    asyncio.run(run())


def test_a_customer_goes_on_after_a_record_with_everything_in_one_order(live):
    cookie, market = live.sign_in(), live.open_market(in_play=True)
    topics = ["bets", "wallet", f"market/{market['id']}", "incidents"]

    async def run():
        async with Socket(live, cookie) as one:
            await one.send(op="subscribe", topics=topics)
            await one.until(lambda m: m["type"] == "caughtUp")
            await one.send(op="place", **bet(live.open_market(), new_id()))
            known = await one.until(lambda m: m["type"] == "bet")
            assert known["balances"]["cash"] == 99_900
            # The image of one's own, and no second word about what the bet said.
            assert [m["balances"]["cash"] for m in one.seen if m["type"] == "wallet"] == [100_000]
        version = lambda: live.call("GET", f"/api/v1/markets/{market['id']}")[1]["market"]["version"]
        placed = live.call("POST", "/api/v1/bets", bet(live.open_market(), new_id(), stake=300), cookie)[1]["bet"]["id"]
        before, deadline = version(), time.monotonic() + 60
        while version() == before:
            assert time.monotonic() < deadline, "a price moves within a minute"
            await asyncio.sleep(0.2)
        async with Socket(live, cookie) as two:
            await two.send(op="subscribe", topics=topics, resume={"epoch": known["epoch"], "order": known["order"]})
            await two.until(lambda m: m["type"] == "caughtUp")
            told = [m for m in two.seen if "topic" in m]
            assert [m["order"] for m in told] == sorted(m["order"] for m in told)
            assert all(m["order"] > known["order"] for m in told)
            assert [m["bet"]["id"] for m in told if m["type"] == "bet"] == [placed]
            assert any(m["type"] == "delta" for m in told), "prices that were missed come as they were"
    asyncio.run(run())


# Operations

def test_what_can_be_asked_by_http_can_be_asked_on_the_socket(server):
    cookie, market = server.sign_in(), server.open_market()
    paths = {
        "listFixtures": "/api/v1/fixtures", "getMarket": f"/api/v1/markets/{market['id']}", "getAccount": "/api/v1/account",
        "listBets": "/api/v1/bets", "listStatement": "/api/v1/statement",
    }

    async def run():
        async with Socket(server, cookie) as one:
            for number, (name, path) in enumerate(paths.items()):
                parameters = {"market": market["id"]} if name == "getMarket" else {}
                await one.send(op=name, ref=str(number), parameters=parameters)
                answer = await one.until(lambda m: m["type"] == "answer")
                assert (answer["op"], answer["ref"], answer["status"]) == (name, str(number), 200)
                assert answer["body"].keys() == server.call("GET", path, cookie=cookie)[1].keys()
            key = new_id()
            body = bet(market, key)
            del body["id"]
            for status in (201, 200):
                await one.send(op="placeBet", ref="b", key=key, body=body)
                answer = await one.until(lambda m: m["type"] == "answer")
                assert (answer["status"], answer["body"]["bet"]["clientId"]) == (status, key)
            await one.send(op="placeBet", ref="c", body=body)
            answer = await one.until(lambda m: m["type"] == "answer")
            assert (answer["status"], answer["body"]["code"]) == (400, "idempotency_key_missing")
            await one.send(op="getMarket", ref="d", parameters={"market": "999999"})
            assert (await one.until(lambda m: m["type"] == "answer"))["status"] == 404
            for unknown in ("signOut", "conjure"):
                await one.send(op=unknown)
                assert (await one.until(lambda m: m["type"] == "error"))["code"] == "unknown_op"
        async with Socket(server) as stranger:
            await stranger.send(op="listBets", ref="e")
            answer = await stranger.until(lambda m: m["type"] == "answer")
            assert (answer["status"], answer["body"]["code"]) == (401, "not_signed_in")
    asyncio.run(run())


# Own limits, and what must still be as it was

def test_customers_bound_their_own_play_and_change_only_what_they_saw(make_server):
    server = make_server("--matches", "1")
    cookie, path = server.sign_in(), "/api/v1/limits/deposit/day"

    def ask(method, amount=None, match=None, at=path):
        body = None if amount is None else {"amount": amount}
        status, answer, headers = server.call(method, at, body, cookie, headers={"If-Match": match} if match else None)
        return status, answer.get("limit", answer), headers["ETag"]

    assert server.call("GET", "/api/v1/limits", cookie=cookie)[1]["limits"] == []
    status, limit, unset = ask("GET")
    assert (status, limit["amount"], limit["next"], limit["version"]) == (200, None, None, "0")
    status, limit, tag = ask("PUT", 2000, unset)
    assert (status, limit["amount"]) == (200, 2000) and not tag.startswith("W/")
    assert ask("GET")[1:] == (limit, tag)
    assert server.call("GET", path, cookie=cookie, headers={"If-None-Match": tag})[0] == 304
    # Who saw the first state changes nothing; any of several tags, and `*`, will do.
    status, problem, _ = ask("PUT", 100, unset)
    assert (status, problem["code"]) == (412, "changed_since")
    assert ask("PUT", 1900, f'"1", {tag}')[0] == 200
    assert ask("PUT", 1800, "*")[1]["amount"] == 1800
    # Looser waits for a day, and so does none at all.
    status, limit, _ = ask("PUT", 9000)
    assert (limit["amount"], limit["next"]["amount"]) == (1800, 9000)
    waits = time.mktime(time.strptime(limit["next"]["from"][:19], "%Y-%m-%dT%H:%M:%S")) - time.mktime(time.gmtime())
    assert 86_300 < waits <= 86_400
    assert ask("DELETE")[1]["next"]["amount"] is None
    assert ask("PUT", 1800)[1]["next"] is None
    assert ask("PUT", 60, at="/api/v1/limits/time/week")[1]["unit"] == "minutes"
    for wanted, at, code in ((-1, path, "malformed"), ("many", path, "malformed"), (2**53, path, "amount_out_of_range"),
                             (1441, "/api/v1/limits/time/day", "amount_out_of_range"),
                             (5, "/api/v1/limits/deposit/decade", "limit_unknown")):
        assert ask("PUT", wanted, at=at)[1]["code"] == code
    assert server.call("PUT", path, {"amount": 5})[1]["code"] == "not_signed_in"
    # They are the customer's own, and in the journal.
    other = server.sign_in()
    assert server.call("GET", "/api/v1/limits", cookie=other)[1]["limits"] == []
    before = server.call("GET", "/api/v1/limits", cookie=cookie)[1]["limits"]
    assert [(limit["kind"], limit["period"], limit["amount"]) for limit in before] == [("deposit", "day", 1800), ("time", "week", 60)]

    async def by_message():
        async with Socket(server, cookie) as one:
            await one.send(op="setLimit", ref="1", parameters={"kind": "loss", "period": "month"}, body={"amount": 70}, match='"0"')
            answer = await one.until(lambda m: m["type"] == "answer")
            assert (answer["status"], answer["body"]["limit"]["amount"]) == (200, 70)
            await one.send(op="removeLimit", ref="2", parameters={"kind": "loss", "period": "month"}, match='"0"')
            assert (await one.until(lambda m: m["type"] == "answer"))["body"]["code"] == "changed_since"
    asyncio.run(by_message())
    before = server.call("GET", "/api/v1/limits", cookie=cookie)[1]["limits"]
    server.kill()
    server.start()
    assert server.call("GET", "/api/v1/limits", cookie=cookie)[1]["limits"] == before


def test_an_operator_changes_only_what_it_saw_and_may_ask_by_message(make_server):
    server = make_server("--match-seconds", "600", "--seed", "3")
    desk = server.desk
    cookie = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[0]}, base=desk)[2]["Set-Cookie"].split(";")[0]
    market = server.open_market()
    path = f"/api/v1/markets/{market['id']}"

    def ask(method, end, body=None, match=None):
        status, answer, headers = server.call(method, path + end, body, cookie, base=desk, headers={"If-Match": match} if match else None)
        return status, answer, headers.get("ETag")

    status, state, seen = ask("GET", "/state")
    assert (status, state["open"], state["reasons"]) == (200, True, [])
    assert ask("POST", "/suspend", {"reason": "a look"}, seen)[0] == 200
    _, state, shut = ask("GET", "/state")
    assert (state["open"], state["reasons"]) == (False, ["trader"]) and shut != seen
    # Who saw it open does not open it; shutting again without looking always works.
    status, problem, _ = ask("POST", "/resume", match=seen)
    assert (status, problem["code"]) == (412, "changed_since")
    assert ask("POST", "/suspend")[0] == 200
    assert ask("POST", "/resume", match=shut)[0] == 200
    status, results, tag = ask("GET", "/results")
    assert (status, results["settlement"], set(results["results"])) == (200, 0, {"undecided"})
    proposal = {"results": ["won"] + ["lost"] * (len(market["selections"]) - 1), "reason": "seen"}
    assert ask("POST", "/results", proposal, '"7"')[1]["code"] == "changed_since"
    assert ask("POST", "/results", proposal, tag)[0] == 200

    async def by_message():
        headers = {"Cookie": cookie}
        async with websockets.connect(desk.replace("http", "ws") + "/api/v1/stream", origin=desk, additional_headers=headers) as line:
            async def until(wanted):
                while not wanted(message := json.loads(await asyncio.wait_for(line.recv(), 10))):
                    pass
                return message
            answers = []
            for op, more in (("suspend", {"parameters": {"market": market["id"]}, "match": seen}),
                             ("suspend", {"parameters": {"market": market["id"]}, "body": {"reason": "by message"}}),
                             ("getState", {"parameters": {"market": market["id"]}})):
                await line.send(json.dumps({"op": op, "ref": "x", **more}))
                answer = await until(lambda m: m["type"] == "answer")
                assert (answer["op"], answer["ref"]) == (op, "x")
                answers.append(answer)
            assert [answer["status"] for answer in answers] == [412, 200, 200]
            assert answers[2]["body"]["reasons"] == ["trader"]
            await line.send(json.dumps({"op": "signIn", "body": {"code": "1"}}))
            assert (await until(lambda m: m["type"] == "error"))["code"] == "unknown_op"
            await line.send("{")
            assert (await until(lambda m: m["type"] == "error"))["code"] == "malformed"
            # Signing out ends what the page hears, too.
            assert server.call("DELETE", "/api/v1/session", None, cookie, base=desk)[0] == 204
            with pytest.raises(websockets.ConnectionClosed):
                while True:
                    await asyncio.wait_for(line.recv(), 10)
    asyncio.run(by_message())
    assert server.call("GET", "/api/v1/session", cookie=cookie, base=desk)[1] == {"signedIn": False}
    assert ask("POST", "/suspend")[1]["code"] == "not_signed_in"


def test_an_approval_that_was_not_heard_of_may_be_asked_again(make_server):
    server = make_server("--match-seconds", "600", "--seed", "3")
    one, other = (server.call("POST", "/api/v1/sign-in", {"code": code}, base=server.desk)[2]["Set-Cookie"].split(";")[0] for code in server.codes()[:2])
    market = server.open_market()
    results = {"results": ["won"] + ["lost"] * (len(market["selections"]) - 1), "reason": "seen"}
    proposal = server.call("POST", f"/api/v1/markets/{market['id']}/results", results, one, base=server.desk)[1]["proposal"]
    path = f"/api/v1/proposals/{proposal}/approve"
    key = {"Idempotency-Key": new_id()}
    assert server.call("POST", path, {}, other, base=server.desk, headers={"Idempotency-Key": "mine"})[1]["code"] == "idempotency_key_malformed"
    first = server.call("POST", path, {}, other, base=server.desk, headers=key)
    assert first[0] == 200
    for again in (key, {}):
        assert server.call("POST", path, {}, other, base=server.desk, headers=again)[:2] == first[:2]
    elsewhere = server.call("POST", "/api/v1/proposals/1/approve", {}, other, base=server.desk, headers=key)
    assert (elsewhere[0], elsewhere[1]["code"]) == (422, "id_reused")
    assert server.call("POST", "/api/v1/proposals/1/approve", {}, other, base=server.desk)[0] == 404
    assert server.call("POST", path, {}, one, base=server.desk)[1]["code"] == "proposal_unknown"


def test_two_operators_void_the_bets_of_a_time_and_give_them_back(make_server):
    server = make_server("--match-seconds", "600", "--seed", "3")
    one, other = (server.call("POST", "/api/v1/sign-in", {"code": code}, base=server.desk)[2]["Set-Cookie"].split(";")[0] for code in server.codes()[:2])
    cookie = server.sign_in()
    market = server.open_market()
    placed = []
    for _ in range(2):
        placed.append(server.call("POST", "/api/v1/bets", {**bet(market, new_id()), "priceRule": "any"}, cookie)[1]["bet"])
        # Moments are shown in milliseconds; the two must not be of the same.
        time.sleep(0.01)
    path = f"/api/v1/markets/{market['id']}/cancels"

    def ask(body, who=one):
        return server.call("POST", path, {"reason": "wrong price", **body}, who, base=server.desk)

    def carry_out(body):
        proposal = ask(body)[1]["proposal"]
        answer = server.call("POST", f"/api/v1/proposals/{proposal}/approve", {}, one, base=server.desk)
        assert (answer[0], answer[1]["code"]) == (409, "same_operator")
        return server.call("POST", f"/api/v1/proposals/{proposal}/approve", {}, other, base=server.desk)

    def mine(*wanted):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            bets = {b["id"]: b for b in server.call("GET", "/api/v1/bets", cookie=cookie)[1]["bets"]}
            found = tuple(bets[b["id"]]["status"] for b in placed)
            if found == wanted:
                return bets
            time.sleep(0.05)
        raise AssertionError(found)

    for wrong in ({"from": "yesterday"}, {"until": "2026-11-22T09:30:00"}, {"from": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}):
        assert (ask(wrong)[0], ask(wrong)[1]["code"]) == (422, "window_malformed")
    assert ask({"takenBack": "yes"})[0] == 400 and ask({"reason": ""})[0] == 400
    second = placed[1]["acceptedAt"]
    assert carry_out({"from": second})[0] == 200
    bets = mine("open", "settled")
    assert bets[placed[1]["id"]]["payout"] == bets[placed[1]["id"]]["stake"]
    state = server.call("GET", f"/api/v1/markets/{market['id']}/state", cookie=one, base=server.desk)[1]
    assert "cancelled" in state["reasons"] and not state["resulted"]
    assert carry_out({"from": second, "takenBack": True})[0] == 200
    mine("open", "open")
    assert carry_out({"from": second, "takenBack": True})[1]["code"] == "no_change"
    told = subprocess.run([BINARY, "replay", "bet", placed[1]["id"], "--data", server.directory], capture_output=True, text=True)
    assert "proposed that bets are void" in told.stdout and "cancelled" in told.stdout, told.stdout + told.stderr
    assert server.call("POST", "/api/v1/audit", {}, one, base=server.desk)[1]["problems"] == []


def test_an_operator_says_how_far_a_customer_is_trusted(make_server):
    server = make_server("--match-seconds", "600", "--seed", "3")
    operator = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[0]}, base=server.desk)[2]["Set-Cookie"].split(";")[0]
    cookie = server.sign_in()
    account = server.call("GET", "/api/v1/account", cookie=cookie)[1]["account"]
    path = f"/api/v1/accounts/{account}/trust"
    ask = lambda method, body=None, where=path: server.call(method, where, body, operator, base=server.desk)
    assert (ask("GET")[1]["stakeFactor"], ask("GET")[1]["delay"]) == (1000, 0)
    for wrong in ({"stakeFactor": 10_001, "delay": 0, "reason": "x"}, {"stakeFactor": 1, "delay": 0}, {"stakeFactor": 1, "delay": -1, "reason": "x"}):
        assert ask("PUT", wrong)[0] == 400
    assert ask("PUT", {"stakeFactor": 10, "delay": 2000, "reason": "late bets", "notice": "You bet late."})[0] == 200
    assert ask("PUT", {"stakeFactor": 10, "delay": 2000, "reason": "late bets", "notice": "You bet late."})[1]["code"] == "no_change"
    assert (ask("GET")[1]["stakeFactor"], ask("GET")[1]["delay"]) == (10, 2000)
    assert ask("GET", where="/api/v1/accounts/999999/trust")[0] == 404
    assert ask("PUT", {"stakeFactor": 10, "delay": 1, "reason": "x"}, "/api/v1/accounts/999999/trust")[1]["code"] == "account_unknown"
    market = server.open_market()
    most = market["maximumStake"] * 10 // 1000
    refused = server.call("POST", "/api/v1/bets", {**bet(market, new_id(), most + 1), "priceRule": "any"}, cookie)[1]["bet"]
    assert refused["refusal"]["code"] == "stake_above_maximum"
    numbers = server.call("POST", "/api/v1/slip", {k: v for k, v in bet(market, new_id(), 10).items() if k not in ("id", "validUntil")}, cookie)[1]
    assert numbers["maximumStake"] == most
    # Limit by limit, with the one that decides among them; and a bet that takes what it can get.
    limits = {(l["rule"], l.get("leg")): l["most"] for l in numbers["limits"]}
    assert limits[("stake_above_maximum", 0)] == most and min(limits.values()) == most
    assert {"return_above_maximum", "insufficient_funds", "exposure_limit"} <= {rule for rule, _ in limits}
    taken = server.call("POST", "/api/v1/bets", {**bet(market, new_id(), most + 77), "priceRule": "any", "fill": "cap"}, cookie)[1]["bet"]
    assert (taken["stake"], taken["asked"]) == (most, most + 77)
    assert server.call("POST", "/api/v1/bets", {**bet(market, new_id(), 10), "fill": "some"}, cookie)[0] == 400


def test_the_emergency_stop_comes_before_looking(make_server):
    server = make_server("--feed", "none", "--requests-per-second", "1", "--requests-burst", "20")
    cookie = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[0]}, base=server.desk)[2]["Set-Cookie"].split(";")[0]
    looked = [server.call("GET", "/api/v1/markets/0/state", cookie=cookie, base=server.desk)[0] for _ in range(25)]
    assert looked[-1] == 429
    status, answer, headers = server.call("POST", "/api/v1/suspend-all", {"reason": "now"}, cookie, base=server.desk)
    assert status == 200, answer
    assert headers["RateLimit"].startswith('"first";')


# One's own, from the beginning

def test_whoever_begins_to_follow_its_own_is_told_what_it_has(server):
    cookie = server.sign_in()
    placed = [server.call("POST", "/api/v1/bets", bet(server.open_market(), new_id(), stake=100 + i), cookie)[1]["bet"]["id"] for i in range(3)]

    async def run():
        for resume in (None, {"epoch": "00000000", "order": 5}, {"wallet": {"epoch": "00000000", "sequence": 3}}):
            async with Socket(server, cookie) as one:
                await one.send(op="subscribe", topics=["bets", "wallet"], **({"resume": resume} if resume else {}))
                await one.until(lambda m: m["type"] == "caughtUp")
                assert [m["bet"]["id"] for m in one.seen if m["type"] == "bet"] == placed
                assert [m["balances"]["cash"] for m in one.seen if m["type"] == "wallet"] == [100_000 - 303]
                # A name that no competition has costs nobody room.
                await one.send(op="subscribe", topics=[f"fixtures?competition={'x' * 65}"], ref="9")
                assert (await one.until(lambda m: m["type"] == "error"))["ref"] == "9"
                await one.send(op="subscribe")
                assert (await one.until(lambda m: m["type"] == "error"))["code"] == "malformed"
    asyncio.run(run())
    assert server.call("GET", f"/api/v1/fixtures?competition={'x' * 65}")[0] == 400


# Compression

@pytest.mark.parametrize("compression", ["deflate", None])
def test_messages_are_compressed_for_those_who_want_them_so(live, compression):
    market = live.open_market(in_play=True)
    cookie = live.sign_in()

    async def run():
        async with Socket(live, cookie, compression=compression) as one:
            names = [type(e).__name__ for e in one.socket.protocol.extensions]
            assert names == (["PerMessageDeflate"] if compression else [])
            await one.send(op="subscribe", topics=["fixtures", f"market/{market['id']}"])
            await one.until(lambda m: m["type"] == "delta" and m["topic"].startswith("market/"))
            await one.send(op="place", **bet(live.open_market(), new_id()))
            assert (await one.until(lambda m: m["type"] == "bet"))["bet"]["status"] in ("open", "pending")
    asyncio.run(run())


# The description of the streams

class Described:
    """Holds real messages against the AsyncAPI document."""

    def __init__(self, server, base=None):
        self.document = server.call("GET", "/asyncapi.json", base=base)[1]
        registry = Registry().with_resource("urn:doc", Resource(contents=self.document, specification=DRAFT202012))
        self.validators, self.way = {}, {}
        for way in ("say", "take"):
            for message in self.document["operations"][way]["messages"]:
                self.way[message["$ref"].rsplit("/", 1)[1]] = way
        assert self.document["servers"]["webSocket"]["host"] in (base or server.origin)
        assert self.way.keys() == self.document["channels"]["stream"]["messages"].keys()
        for name in self.way:
            schema = {"$ref": f"urn:doc#/components/messages/{name}/payload"}
            # What a document refers to stands in the document.
            self.validators[name] = jsonschema.Draft202012Validator(
                schema, registry=registry, format_checker=jsonschema.FormatChecker())

    def names(self, message, way):
        return [name for name, validator in self.validators.items() if self.way[name] == way and validator.is_valid(message)]


def test_the_streams_description_is_valid_and_every_message_is_as_it_says(live):
    described = Described(live)
    AsyncAPI.model_validate(described.document)
    cookie, market = live.sign_in(), live.open_market(in_play=True)
    kinds = set()

    async def run():
        asked = [
            {"op": "subscribe", "topics": ["fixtures", f"fixture/{market['fixture']}", f"fixture/{market['fixture']}/markets", "incidents", "bets", "wallet"]},
            {"op": "ping"}, {"op": "conjure"}, {"op": "listFixtures", "ref": "1", "parameters": {"inPlay": True}}, {"op": "getAccount"},
            {"op": "place", **bet(market, new_id(), selection=1)},
            {"op": "place", **bet(live.open_market(in_play=True), new_id(), stake=90_000_000)},
        ]
        async with Socket(live, cookie) as one:
            for message in asked:
                if message["op"] != "conjure":
                    assert message["op"] in described.names(message, "take"), message
                await one.send(**message)
            wanted = {"hello", "heartbeat", "pong", "error", "caughtUp", "answer", "marketImage", "marketDelta", "fixturesImage", "fixturesDelta",
                      "fixtureImage", "fixtureDelta", "incident", "bet", "settled"}
            async with asyncio.timeout(120):
                looked = 0
                while not wanted <= kinds:
                    while looked < len(one.seen):
                        names = described.names(one.seen[looked], "say")
                        assert len(names) == 1, f"{names} describe {one.seen[looked]}"
                        kinds.update(names)
                        looked += 1
                    await one.until(lambda m: True, 30)
    asyncio.run(run())


def test_the_desks_stream_is_as_its_description_says(make_server):
    server = make_server("--match-seconds", "60", "--seed", "7")
    described = Described(server, server.desk)
    AsyncAPI.model_validate(described.document)
    _, _, headers = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[0]}, base=server.desk)
    cookie = headers["Set-Cookie"].split(";")[0]
    market = server.open_market()
    server.call("POST", "/api/v1/bets", bet(market, new_id()), server.sign_in())
    kinds, fields = set(), set()

    async def run():
        async with websockets.connect(server.desk.replace("http", "ws") + "/api/v1/stream", origin=server.desk,
                                      additional_headers={"Cookie": cookie}, max_size=None) as socket:
            for message in ({"op": "conjure", "ref": "7"}, {"op": "getState", "ref": "8", "parameters": {"market": market["id"]}},
                            {"op": "suspend", "parameters": {"market": market["id"]}, "body": {"reason": "a look"}}):
                assert (message["op"] in described.names(message, "take")) == (message["op"] != "conjure"), message
                await socket.send(json.dumps(message))
            async with asyncio.timeout(60):
                while not {"image", "delta", "answer", "error"} <= kinds or not {"exposures", "health", "ticker"} <= fields:
                    message = json.loads(await socket.recv())
                    names = described.names(message, "say")
                    assert len(names) == 1, f"{names} describe {json.dumps(message)[:2000]}"
                    kinds.update(names)
                    fields.update(message)
                    if names == ["error"]:
                        assert (message["code"], message["ref"]) == ("unknown_op", "7")
    asyncio.run(run())


# Files

def test_files_come_small_in_parts_and_not_twice(server):
    def get(path="/app.js", **fields):
        request = urllib.request.Request(server.origin + path, headers={k.replace("_", "-"): v for k, v in fields.items()})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read(), error.headers

    _, plain, headers = get()
    assert headers["Content-Encoding"] is None and headers["Accept-Ranges"] == "bytes" and headers["Vary"] == "accept-encoding"
    tags = {headers["ETag"]}
    for coding, unpack in (("br", brotli.decompress), ("gzip", gzip.decompress)):
        _, body, headers = get(Accept_Encoding=f"zstd, {coding}")
        assert headers["Content-Encoding"] == coding and len(body) < len(plain) / 2 and unpack(body) == plain
        tags.add(headers["ETag"])
        assert get(Accept_Encoding=coding, If_None_Match=headers["ETag"])[0] == 304
    assert len(tags) == 3, "each form has a tag of its own"
    tag = get()[2]["ETag"]
    status, body, headers = get(Range="bytes=10-19", Accept_Encoding="br")
    assert (status, body, headers["Content-Range"]) == (206, plain[10:20], f"bytes 10-19/{len(plain)}")
    assert get(Range="bytes=-5")[1] == plain[-5:]
    assert get(Range="bytes=10-19", If_Range=tag)[0] == 206 and get(Range="bytes=10-19", If_Range='"old"')[:2] == (200, plain)
    status, _, headers = get(Range=f"bytes={len(plain)}-")
    assert (status, headers["Content-Range"]) == (416, f"bytes */{len(plain)}")
    assert get(If_Match='"old"')[0] == 412 and get(If_Match=f'"old", {tag}')[0] == 200


def test_an_independent_cache_keeps_what_it_may_and_asks_before_it_uses_it(server):
    cookie = server.sign_in()
    with cachecontrol.CacheControl(requests.Session()) as client:
        for path, headers in (("/app.js", {}), ("/api/v1/bets", {"Cookie": cookie})):
            first, again = (client.get(server.origin + path, headers=headers) for _ in range(2))
            assert (first.from_cache, again.from_cache, again.status_code) == (False, True, 200), path
            assert again.content == first.content
        # What nobody may keep is asked for anew.
        assert not any(client.get(server.origin + "/api/v1/session").from_cache for _ in range(2))
    seen = requests.get(server.origin + "/app.js", headers={"If-None-Match": first.headers["ETag"]})
    assert seen.status_code == 200, "a tag of one thing says nothing of another"


# Behind a proxy

def ask_as(server, address, requests=1, header=True):
    """Status codes of requests on one connection whose client is said to be `address`."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as line:
        if header:
            line.sendall(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + socket.inet_aton(address) + b"\x7f\0\0\x01\x12\x34\0\x50")
        codes, seen = [], b""
        for _ in range(requests):
            line.sendall(f"GET /api/v1/session HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n".encode())
            while b"}" not in seen:
                more = line.recv(65536)
                if not more:
                    return codes
                seen += more
            codes.append(int(seen.split(b" ", 2)[1]))
            seen = b""
        return codes


def test_a_proxy_says_who_the_client_is_and_nobody_else_does(make_server):
    quick = ("--match-seconds", "2000", "--seed", "7", "--requests-per-second", "1", "--requests-burst", "40")
    # The server itself is asked whether it is ready, so it starts without and again with the header.
    server = make_server(*quick, "--trusted-hops", "127.0.0.1")
    def forwarded(address, count):
        return [server.call("GET", "/api/v1/session", headers={"X-Forwarded-For": address})[0] for _ in range(count)]
    assert set(forwarded("203.0.113.5", 25)) == {200} and 429 in forwarded("203.0.113.5", 25)
    assert set(forwarded("6.6.6.6, 203.0.113.6", 5)) == {200}, "another client has a rate of its own"
    assert 429 in forwarded("6.6.6.6, 203.0.113.5", 2), "only the last hop's word counts"
    assert server.stop() == 0


def test_streams_behind_a_proxy_count_as_their_clients(make_server):
    server = make_server("--match-seconds", "2000", "--seed", "7", "--trusted-hops", "127.0.0.1", "--connections-per-address", "2")
    shake = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

    def opened(address, path="/api/v1/stream", more=shake):
        line = socket.create_connection(("127.0.0.1", server.port), timeout=5)
        line.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nOrigin: {server.origin}\r\n"
                     f"X-Forwarded-For: {address}\r\n{more}\r\n".encode())
        return line, line.recv(4096)

    one, said = opened("203.0.113.5")
    assert b" 101 " in said
    two, said = opened("203.0.113.5", "/api/v1/events?topics=incidents", "")
    assert b" 200 " in said
    for path, more in (("/api/v1/stream", shake), ("/api/v1/events?topics=fixtures", "")):
        line, said = opened("203.0.113.5", path, more)
        assert b" 429 " in said and b"too_many_connections" in said
        line.close()
    assert b" 101 " in opened("203.0.113.6")[1], "another client has places of its own"
    for held in (one, two):
        held.close()
        deadline = time.monotonic() + 10
        while b" 101 " not in (again := opened("203.0.113.5"))[1]:
            assert time.monotonic() < deadline, "a place that was left is free"
            time.sleep(0.05)
        one = again[0]


def test_the_proxy_protocol_is_spoken_first_or_not_at_all(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    desk = free_port()
    process = subprocess.Popen(
        [BINARY, "serve", "--data", tmp_path / "data", "--listen", f"127.0.0.1:{port}", "--desk-listen", f"127.0.0.1:{desk}", "--match-seconds", "2000",
         "--seed", "7", "--proxy-protocol", "v2", "--requests-per-second", "1", "--requests-burst", "40", "--connections-per-address", "2"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        server = type("Behind", (), {"port": port})
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                if ask_as(server, "203.0.113.9") == [200]:
                    break
            except OSError:
                time.sleep(0.05)
        codes = ask_as(server, "203.0.113.5", 60)
        assert codes[0] == 200 and codes[-1] == 429
        assert ask_as(server, "203.0.113.6", 2) == [200, 200]
        try:
            assert ask_as(server, "", header=False) == []
        except ConnectionResetError:
            pass
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        for line in held:
            line.sendall(b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + socket.inet_aton("203.0.113.7") + b"\x7f\0\0\x01\x12\x34\0\x50")
            line.settimeout(2)
        ended = []
        for line in held:
            try:
                ended.append(line.recv(10) == b"")
            except TimeoutError:
                ended.append(False)
            except ConnectionResetError:
                ended.append(True)
        assert sum(ended) == 1, "the third connection of one client is one too many"
    finally:
        process.kill()
        process.wait()
