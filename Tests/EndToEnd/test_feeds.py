"""Recorded feeds of every kind, played by a real server."""

import json
import pathlib
import re
import subprocess
import time

import pytest
from conftest import BINARY
from test_trading import wait_for

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def test_a_unified_feed_is_played_offered_and_settled(make_server):
    server = make_server("--feed", str(EXAMPLES / "unified-feed.xml"), "--speed", "40")
    until = time.monotonic() + 20
    # The first result of the match is a scouted one, and is taken back.
    wanted = {
        "Match result": ["lost", "won", "lost"], "Goals over/under 2.5": ["lost", "won"], "Handicap -0.25": ["half_lost", "half_won"],
        "Corners over/under 9.5": ["void", "void"],
    }
    seen, results = set(), {}
    while results != wanted and time.monotonic() < until:
        for fixture in server.call("GET", "/api/v1/fixtures")[1].get("fixtures", []):
            assert (fixture["home"], fixture["away"], fixture["competition"]) == ("Aldermere & Sons", "Brackwater", "Valley Cup")
            for id in fixture["markets"]:
                market = server.call("GET", f"/api/v1/markets/{id}")[1]["market"]
                if market["status"] == "open":
                    seen.add(market["name"])
                if all(s.get("result", "undecided") != "undecided" for s in market["selections"]):
                    results[market["name"]] = [s["result"] for s in market["selections"]]
        time.sleep(0.02)
    assert results == wanted
    assert seen >= {"Match result", "Goals over/under 2.5"}


def test_bets_of_a_sport_wait_as_long_as_the_house_says(make_server):
    server = make_server("--match-seconds", "600", "--seed", "3", "--sport-delays", "tennis=9000,football=7000")
    assert server.open_market()["betDelay"] == 7000


@pytest.mark.parametrize("wrong", ["", "football", "football=x", "football=-1", "football=30001", "rugby=1", "football=1,football=2", "football=1,"])
def test_delays_that_say_nothing_are_refused_before_anything_is_written(tmp_path, wrong):
    told = subprocess.run([BINARY, "serve", "--data", tmp_path / "data", "--sport-delays", wrong], capture_output=True, text=True, timeout=30)
    assert told.returncode != 0 and "sport-delays" in told.stderr and not (tmp_path / "data").exists()


def test_a_second_supplier_takes_over_where_the_first_falls_silent(make_server, tmp_path):
    def lines(id, names, books, beats):
        begin = [{"type": "fixture", "id": id, "sport": "tennis", "competition": "Open", "home": "Ada", "away": "Bea", "scheduled": 1800000600000},
                 {"type": "market", "id": id + "/mo", "fixture": id, "kind": "match_odds", "name": "Winner " + id, "winners": 1, "delay": 0,
                  "selections": [{"id": i, "name": n} for i, n in enumerate(names)]},
                 {"type": "state", "market": id + "/mo", "suspended": False}]
        said = [{"time": 1800000000000, **line} for line in begin]
        said += [{"time": 1800000000000 + at, "type": "quotes", "market": id + "/mo", "quotes": [{"last": price} for price in book]} for at, book in books]
        said += [{"time": 1800000000000 + at, "type": "heartbeat"} for at in beats]
        return "".join(json.dumps(line) + "\n" for line in sorted(said, key=lambda line: line["time"]))

    one, two = tmp_path / "one.jsonl", tmp_path / "two.jsonl"
    one.write_text(lines("a", ["Ada", "Bea"], [(100, ["2.00", "2.00"])], []))
    two.write_text(lines("b", ["Bea", "Ada"], [(200, ["2.02", "1.98"]), (3000, ["1.90", "2.10"])], range(500, 30_000, 500)))
    server = make_server("--feed", str(one), "--second-feed", str(two), "--stale-after", "2000", "--margin", "0")
    until, market = time.monotonic() + 15, None
    while True:
        # A server may answer before the first line of a feed is read.
        fixtures = server.call("GET", "/api/v1/fixtures")[1]["fixtures"]
        for id in [id for fixture in fixtures for id in fixture["markets"]]:
            market = server.call("GET", f"/api/v1/markets/{id}")[1]["market"]
            shown = [s["odds"] and s["odds"][0] / s["odds"][1] for s in market["selections"]]
        # The second one's 2.10 and 1.90, in the order of the first one's selections.
        if market and market["status"] == "open" and shown[0] and shown[0] > 2.05 and shown[1] < 1.95:
            break
        assert time.monotonic() < until, market
        time.sleep(0.05)
    assert len(fixtures) == 1 and len(fixtures[0]["markets"]) == 1


def test_what_nobody_is_told_of_a_feed_is_counted(make_server, tmp_path):
    # A result of a market that nobody defined; of the second supplier, a market of its own, and then no message at all.
    match = {"type": "fixture", "id": "a", "sport": "tennis", "competition": "Open", "home": "Ada", "away": "Bea", "scheduled": 1800000600000}
    market = {"type": "market", "id": "b/mo", "fixture": "b", "kind": "match_odds", "name": "Winner", "winners": 1, "delay": 0,
              "selections": [{"id": 0, "name": "Cem"}, {"id": 1, "name": "Dan"}]}
    result = {"type": "result", "market": "a/none", "certainty": 2, "results": ["won", "lost"]}
    text = lambda lines: "".join(json.dumps({"time": 1800000000000, **line}) + "\n" for line in lines)
    (tmp_path / "one.jsonl").write_text(text([match, result]))
    (tmp_path / "two.jsonl").write_text(text([{**match, "id": "b", "home": "Cem", "away": "Dan"}, market]) + "nothing\n")
    server = make_server("--feed", str(tmp_path / "one.jsonl"), "--second-feed", str(tmp_path / "two.jsonl"))

    def counted():
        text = server.call("GET", "/metrics", base=server.desk)[1]
        return {name: value for name, value in re.findall(r"^grandstand_feed_(misfits_total|unmatched|disputes_total) (\S+)", text, re.M)}

    wait_for(lambda: counted() == {"misfits_total": "1", "unmatched": "1", "disputes_total": "0"})
    wait_for(lambda: '"event":"second_feed_stopped","line":"3"' in server.output())
