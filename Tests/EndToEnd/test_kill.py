"""kill -9 under load: every acknowledged bet is there exactly once, every other resolves by asking again."""

import asyncio
import json
import os
import random
import sqlite3
import subprocess

import websockets

from conftest import bet, BINARY, new_id

ROUNDS = 25 * int(os.environ.get("FAULT_ROUNDS", "1"))
CLIENTS = 4


class Client:
    """A punter who remembers what was sent and what was answered."""

    def __init__(self, server):
        self.server = server
        self.cookie = server.sign_in()
        self.sent, self.answered, self.others = {}, {}, []

    async def connect(self):
        socket = await websockets.connect(
            self.server.origin.replace("http", "ws") + "/api/v1/stream",
            additional_headers={"Cookie": self.cookie}, origin=self.server.origin)
        await socket.recv()
        return socket

    async def listen(self, socket):
        try:
            async for text in socket:
                message = json.loads(text)
                if message["type"] == "bet" and message["bet"].get("clientId") in self.sent:
                    self.answered[message["bet"]["clientId"]] = message["bet"]
                else:
                    self.others.append(message)
        except websockets.ConnectionClosed:
            pass

    async def bet_until_cut(self, market):
        """Keeps up to 64 bets in flight until the server is gone."""
        socket = await self.connect()
        listener = asyncio.create_task(self.listen(socket))
        try:
            while not listener.done():
                while len(self.sent) - len(self.answered) < 64:
                    id = new_id()
                    self.sent[id] = bet(market, id, stake=10, seconds=50)
                    await socket.send(json.dumps({"op": "place", **self.sent[id]}))
                await asyncio.sleep(0.001)
        except websockets.ConnectionClosed:
            pass
        await listener

    async def resolve(self):
        """Asks again for whatever was not answered: same id, same body."""
        open_ids = [id for id in self.sent if id not in self.answered]
        socket = await self.connect()
        listener = asyncio.create_task(self.listen(socket))
        for id in open_ids:
            await socket.send(json.dumps({"op": "place", **self.sent[id]}))
        for _ in range(1000):
            if len(self.answered) == len(self.sent):
                break
            await asyncio.sleep(0.01)
        await socket.close()
        await listener
        return len(open_ids)

    async def ask_again(self, ids):
        """Sends bets that were answered long ago once more; what is answered now."""
        mine, self.answered = self.answered, {}
        socket = await self.connect()
        listener = asyncio.create_task(self.listen(socket))
        # One connection may have so many bets unanswered and no more.
        for start in range(0, len(ids), 32):
            some = ids[start:start + 32]
            for id in some:
                await socket.send(json.dumps({"op": "place", **self.sent[id]}))
            for _ in range(1000):
                if all(id in self.answered for id in some):
                    break
                await asyncio.sleep(0.01)
        await socket.close()
        await listener
        again, self.answered = self.answered, mine
        missing = [id for id in ids if id not in again]
        assert not missing, f"{len(missing)} of {len(ids)} acknowledged bets were not answered again: {self.others[-3:]}"
        return again


def all_bets(server, cookie):
    bets, cursor = [], None
    while True:
        page = server.call("GET", "/api/v1/bets?limit=200" + (f"&cursor={cursor}" if cursor else ""), cookie=cookie)[1]
        bets += page["bets"]
        cursor = page["next"]
        if not cursor:
            return bets


def projected(directory):
    """All that is projected, by table."""
    with sqlite3.connect(directory / "projection.sqlite") as database:
        return {table: sorted(database.execute(f"SELECT * FROM {table}"))
                for table in ("point", "accounts", "bets", "statement", "sessions")}


def test_nothing_acknowledged_is_lost_and_nothing_is_doubled(make_server):
    # The data lies on a disk that the journal can write past the page cache, where there is one.
    server = make_server("--match-seconds", "4000", "--demo-grant", "100000000", "--seed", "3")
    rolled = random.Random(11)
    unanswered_at_kill = 0

    async def round_of(clients, market):
        tasks = [asyncio.create_task(c.bet_until_cut(market)) for c in clients]
        await asyncio.sleep(rolled.uniform(0.05, 0.35))
        server.kill()
        await asyncio.gather(*tasks)

    for _ in range(ROUNDS):
        market = server.open_market()
        clients = [Client(server) for _ in range(CLIENTS)]
        asyncio.run(round_of(clients, market))
        acknowledged = {c.cookie: dict(c.answered) for c in clients}
        server.start()
        for client in clients:
            unanswered_at_kill += asyncio.run(client.resolve())
            assert len(client.answered) == len(client.sent)
            # An answer that was given before the kill is the answer after it: every one is asked for again.
            asked = rolled.sample(sorted(acknowledged[client.cookie]), min(400, len(acknowledged[client.cookie])))
            again = asyncio.run(client.ask_again(asked))
            for id in asked:
                before, after = acknowledged[client.cookie][id], again[id]
                assert after["id"] == before["id"]
                if before["status"] == "refused":
                    assert after["status"] == "refused" and after["refusal"]["code"] == before["refusal"]["code"]
                elif before["status"] == "open":
                    assert after["status"] in ("open", "settled")
        for client in clients:
            rows = all_bets(server, client.cookie)
            ids = [row["clientId"] for row in rows]
            assert len(ids) == len(set(ids)), "a bet is there twice"
            known = set(ids)
            for id, before in acknowledged[client.cookie].items():
                if before["status"] in ("open", "pending"):
                    assert id in known, "an acknowledged bet is missing"
    assert unanswered_at_kill > 0, "no bet was in flight at any kill: the test proved nothing"
    assert server.stop() == 0
    verified = subprocess.run([BINARY, "journal", "verify", server.directory], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    # The rows that lived through all of it are those that the journal makes from nothing.
    lived = projected(server.directory)
    assert len(lived["bets"]) > 1000 and len(lived["statement"]) > 1000
    rebuilt = subprocess.run([BINARY, "journal", "project", server.directory], capture_output=True, text=True)
    assert rebuilt.returncode == 0, rebuilt.stdout + rebuilt.stderr
    assert projected(server.directory) == lived
