#!/usr/bin/env python3
"""Records the journal of a released version, once, with that version's own binary: `make.py VERSION`.

Every later version must open it (Tests/EndToEnd/test_old_journals.py). What is in it: bets before the match and in play, singles and a
double, refusals, settlements, a correction by two operators, a restart, sealed segments and a snapshot's checkpoint.
"""

import json
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "Tests" / "EndToEnd"))
from conftest import BINARY, Server, bet, new_id  # noqa: E402


def operators(server):
    cookies = []
    for code in server.codes():
        headers = server.call("POST", "/api/v1/sign-in", {"code": code}, base=server.desk)[2]
        cookies.append(headers["Set-Cookie"].split(";")[0])
    return cookies


def main():
    version = sys.argv[1]
    with tempfile.TemporaryDirectory() as directory:
        server = Server(pathlib.Path(directory) / "data", "--match-seconds", "60", "--matches", "4", "--seed", "21",
                        "--segment-bytes", "2097152", "--snapshot-every", "1", "--snapshot-rate", "1000")
        cookie = server.sign_in()
        bets = []

        def place(market, **more):
            answer = server.call("POST", "/api/v1/bets", bet(market, new_id(), **more), cookie)[1]
            assert "bet" in answer, answer
            bets.append(answer["bet"])
            return answer["bet"]
        before = server.open_market()
        for selection in range(len(before["selections"])):
            place(before, stake=100 + selection, selection=selection)
        place(before, stake=90_000_000)
        doubles = 0
        for fixture in server.call("GET", "/api/v1/fixtures")[1]["fixtures"]:
            for id in fixture["markets"][:1]:
                other = server.call("GET", f"/api/v1/markets/{id}")[1]["market"]
                if id == before["id"] or other["status"] != "open":
                    continue
                double = bet(before, new_id(), stake=150 + doubles)
                double["structure"] = "accumulator"
                double["legs"].append(bet(other, new_id())["legs"][0])
                doubles += server.call("POST", "/api/v1/bets", double, cookie)[0] == 201
        taken = 0
        for _ in range(8):
            market = server.open_market(in_play=True)
            offered = [index for index, one in enumerate(market["selections"]) if one["odds"]]
            answer = place(market, stake=300, selection=offered[0])
            time.sleep(3.5)
            row = [r for r in server.call("GET", "/api/v1/bets?limit=50", cookie=cookie)[1]["bets"] if r["id"] == answer.get("id")]
            taken += bool(row) and row[0]["status"] in ("open", "settled")
        print(f"{doubles} doubles, {taken} bets in play")
        deadline = time.monotonic() + 150
        while time.monotonic() < deadline:
            rows = server.call("GET", "/api/v1/bets?limit=50", cookie=cookie)[1]["bets"]
            if rows and all(row["status"] in ("settled", "refused") for row in rows):
                break
            time.sleep(0.2)
        one, two = operators(server)
        results = ["void"] * len(before["selections"])
        proposed = server.call("POST", f"/api/v1/markets/{before['id']}/results", {"results": results, "reason": "abandoned"}, base=server.desk, cookie=one)
        assert proposed[0] in (200, 201, 202), proposed
        approved = server.call("POST", f"/api/v1/proposals/{proposed[1]['proposal']}/approve", {}, base=server.desk, cookie=two)
        assert approved[0] == 200, approved
        server.kill()
        server.start()
        rows = server.call("GET", "/api/v1/bets?limit=50", cookie=cookie)[1]["bets"]
        server.stop()
        data = pathlib.Path(directory) / "data"
        dump = subprocess.run([BINARY, "journal", "dump", data], capture_output=True, text=True).stdout.splitlines()
        expected = dict(version=version, records=len(dump), kinds=sorted({line.split()[2] for line in dump}),
                        bets={row["id"]: [row["status"], row.get("payout")] for row in rows})
        (data / "expected.json").write_text(json.dumps(expected, indent=1))
        with tarfile.open(ROOT / "Tests" / "Journals" / f"{version}.tar.xz", "w:xz") as archive:
            for path in sorted(data.glob("journal-*.seg")) + [data / "expected.json"]:
                archive.add(path, path.name)


main()
