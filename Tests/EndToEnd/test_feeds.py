"""Recorded feeds of every kind, played by a real server."""

import pathlib
import time

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"


def test_a_unified_feed_is_played_offered_and_settled(make_server):
    server = make_server("--feed", str(EXAMPLES / "unified-feed.xml"), "--speed", "40")
    until = time.monotonic() + 20
    seen, results = set(), {}
    while len(results) < 4 and time.monotonic() < until:
        for fixture in server.call("GET", "/api/v1/fixtures")[1].get("fixtures", []):
            assert (fixture["home"], fixture["away"], fixture["competition"]) == ("Aldermere & Sons", "Brackwater", "Valley Cup")
            for id in fixture["markets"]:
                market = server.call("GET", f"/api/v1/markets/{id}")[1]["market"]
                if market["status"] == "open":
                    seen.add(market["name"])
                if all(s.get("result", "undecided") != "undecided" for s in market["selections"]):
                    results[market["name"]] = [s["result"] for s in market["selections"]]
        time.sleep(0.02)
    assert results == {
        "Match result": ["lost", "won", "lost"], "Goals over/under 2.5": ["lost", "won"], "Handicap -0.25": ["half_lost", "half_won"],
        "Corners over/under 9.5": ["void", "void"],
    }
    assert seen >= {"Match result", "Goals over/under 2.5"}
