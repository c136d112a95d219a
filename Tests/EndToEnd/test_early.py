"""Bets that are paid before the end, from the supplier's file to the punter's page."""

import json
import time

from conftest import bet, new_id
from playwright.sync_api import expect
from test_browser import browser, page_of, violations  # noqa: F401

START = 1_800_000_000_000


def match(path, paid_after, taken_back_after):
    """The home side leads far enough; then its goal does not stand after all."""
    lines = [
        (0, {"type": "fixture", "id": "m1", "sport": "football", "competition": "Cup", "home": "Ajax", "away": "Betis", "scheduled": START + 60_000}),
        (0, {"type": "market", "id": "m1/win", "fixture": "m1", "kind": "match_odds", "name": "Match result", "winners": 1, "delay": 0,
             "earlyPayout": True, "selections": [{"id": n, "name": name} for n, name in enumerate(["Ajax", "Draw", "Betis"])]}),
        (0, {"type": "quotes", "market": "m1/win", "quotes": [{"back": "2.9", "lay": "3.1"}] * 3}),
        (0, {"type": "state", "market": "m1/win", "suspended": False}),
        (paid_after, {"type": "early_payout", "market": "m1/win", "before": [START + 40_000_000_000, None, None]}),
        (taken_back_after, {"type": "early_payout", "market": "m1/win", "before": [None, None, None]}),
        (taken_back_after + 600_000, {"type": "heartbeat"}),
    ]
    path.write_text("".join(json.dumps({"time": START + at, **line}) + "\n" for at, line in lines))
    return path


def test_a_bet_is_paid_early_and_opens_again_when_that_is_taken_back(make_server, tmp_path):
    server = make_server("--feed", str(match(tmp_path / "match.jsonl", 4000, 7000)), "--speed", "1", "--stale-after", "180000")
    cookie = server.sign_in()
    market = server.open_market()
    assert market["earlyPayout"] is True
    place = lambda selection: server.call("POST", "/api/v1/bets", bet(market, new_id(), 200, selection), cookie)[1]["bet"]
    home, draw = place(0), place(1)
    read = lambda one: server.call("GET", f"/api/v1/bets/{one['id']}", cookie=cookie)[1]["bet"]

    def wait(status):
        deadline = time.monotonic() + 20
        while read(home)["status"] != status:
            assert time.monotonic() < deadline
            time.sleep(0.05)

    wait("settled")
    assert read(home)["payout"] == home["potentialReturn"] and read(draw)["status"] == "open"
    why = server.call("GET", f"/api/v1/bets/{home['id']}/explanation", cookie=cookie)[1]
    assert why["legs"][0]["why"] == ["Paid early, as if it had won: it was far enough ahead."]
    wait("open")
    assert read(home)["payout"] == 0
    operator = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[0]}, base=server.desk)[2]["Set-Cookie"].split(";")[0]
    assert server.call("POST", "/api/v1/audit", {}, operator, base=server.desk)[1]["problems"] == []


def test_the_page_says_which_markets_pay_early(make_server, page_of):  # noqa: F811
    server = make_server("--match-seconds", "2000", "--seed", "7", "--early-payout", "2")
    server.open_market()
    page = page_of(server.origin, "phone")
    expect(page.locator("gs-card .market-name").first).to_contain_text("Early payout", timeout=10_000)
    assert violations(page) == []
    assert page.problems == []
