"""Bets that are sold back before they are decided: by REST, in play, and in a browser."""

import json
import time
from datetime import datetime, timedelta, timezone

import pytest
from conftest import bet, new_id
from playwright.sync_api import expect
from test_browser import SIZES, browser, page_of, violations  # noqa: F401

START = 1_800_000_000_000
LONG, SHORT = {"back": "2.96", "lay": "3.04"}, {"back": "1.48", "lay": "1.52"}


def match(path, turns_after, in_play=False, delay=0):
    """Two sides of which one is three times as long; `turns_after` milliseconds later it is the other way round."""
    quotes = lambda first, second: {"type": "quotes", "market": "m1/win", "quotes": [first, second]}
    began = [(0, {"type": "update", "fixture": "m1", "status": "live", "inPlay": True, "score": [0, 0], "clock": 60})] if in_play else []
    lines = [
        (0, {"type": "fixture", "id": "m1", "sport": "tennis", "competition": "Evening", "home": "Ada", "away": "Bea", "scheduled": START + 600_000}),
        *began,
        (0, {"type": "market", "id": "m1/win", "fixture": "m1", "kind": "match_odds", "name": "Winner", "winners": 1, "delay": delay,
             "selections": [{"id": 0, "name": "Ada"}, {"id": 1, "name": "Bea"}]}),
        (0, quotes(LONG, SHORT)), (0, {"type": "state", "market": "m1/win", "suspended": False}),
        (turns_after, quotes(SHORT, LONG)), (turns_after + 600_000, {"type": "heartbeat"}),
    ]
    path.write_text("".join(json.dumps({"time": START + at, **line}) + "\n" for at, line in lines))
    return path


def serve(make_server, path):
    return make_server("--feed", str(path), "--speed", "1", "--stale-after", "180000")


def sell(server, cookie, number, offer, part=None, key=None):
    until = (datetime.now(timezone.utc) + timedelta(seconds=15)).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    body = {"value": offer["value"], "offer": offer["offer"], "validUntil": until, **({"stake": part} if part else {})}
    return server.call("POST", f"/api/v1/bets/{number}/cash-out", body, cookie, headers={"Idempotency-Key": f'"{key or new_id()}"'})


def worth(server, cookie, number, part=0):
    return server.call("GET", f"/api/v1/bets/{number}/cash-out?stake={part}", cookie=cookie)


def until(check, seconds=20):
    deadline = time.monotonic() + seconds
    while True:
        found = check()
        if found:
            return found
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_bet_is_sold_in_part_and_then_whole(make_server, tmp_path):
    server = serve(make_server, match(tmp_path / "match.jsonl", 4000))
    cookie = server.sign_in()
    market = server.open_market()
    place = lambda selection, amount: server.call("POST", "/api/v1/bets", bet(market, new_id(), amount, selection), cookie)[1]["bet"]
    mine, other = place(0, 10_000), place(1, 10_000)
    odds = mine["odds"][0][0] / mine["odds"][0][1]
    offer = worth(server, cookie, mine["id"])[1]["cashOut"]
    # A third of what it returns, less five per cent.
    assert offer["value"] == int(10_000 * odds / 3 * 0.95 + 1e-6) and offer["margin"] == 500 and offer["step"] == 1
    assert abs(float(offer["exact"]) - float(offer["fair"]) * 0.95) < 0.001
    better = until(lambda: (o := worth(server, cookie, mine["id"])[1]["cashOut"])["value"] > offer["value"] * 1.5 and o)
    assert better["offer"] != offer["offer"]
    both = server.call("GET", f"/api/v1/cash-outs?bets={mine['id']},{other['id']},999999", cookie=cookie)[1]["cashOuts"]
    assert [o["bet"] for o in both] == [mine["id"], other["id"]] and both[1]["value"] < 6000

    key = new_id()
    half = worth(server, cookie, mine["id"], 5000)[1]["cashOut"]
    status, sold, _ = sell(server, cookie, mine["id"], half, 5000, key)
    assert status == 200 and sold["cashOut"]["status"] == "cashed_out" and sold["cashOut"]["payout"] == half["value"]
    assert sold["cashOut"]["standing"] == 5000 and sold["cashOut"]["betStatus"] == "open"
    assert sold["cashOut"]["potentialReturn"] == int(5000 * odds + 1e-6)
    assert sold["balances"]["cash"] == 100_000 - 20_000 + half["value"]
    again = sell(server, cookie, mine["id"], half, 5000, key)[1]["cashOut"]
    assert again["repeated"] is True and again["payout"] == half["value"]
    reused = sell(server, cookie, mine["id"], half, 4000, key)
    assert reused[0] == 422 and reused[1]["cashOut"]["refusal"]["code"] == "id_reused"
    too_much = sell(server, cookie, mine["id"], half, 6000)
    assert too_much[1]["cashOut"]["refusal"]["code"] == "part_not_divisible"
    less = sell(server, cookie, other["id"], {**offer, "value": 6000})
    assert less[0] == 422 and less[1]["cashOut"]["refusal"]["code"] == "cash_out_changed"
    assert less[1]["cashOut"]["refusal"]["value"] == both[1]["value"]
    rest = sell(server, cookie, mine["id"], worth(server, cookie, mine["id"])[1]["cashOut"])[1]
    assert rest["cashOut"]["betStatus"] == "cashed_out" and rest["cashOut"]["standing"] == 0
    cash = 100_000 - 20_000 + half["value"] + rest["cashOut"]["payout"]
    assert rest["balances"]["cash"] == cash
    assert worth(server, cookie, mine["id"])[1]["cashOut"]["refusal"]["code"] == "bet_not_open"

    shown = until(lambda: (b := server.call("GET", f"/api/v1/bets/{mine['id']}", cookie=cookie)[1]["bet"])["status"] == "cashed_out" and b)
    assert shown["sold"] == {"stake": 5000, "payout": half["value"]}
    assert shown["stake"] == 5000 and shown["payout"] == rest["cashOut"]["payout"]
    lines = server.call("GET", "/api/v1/statement", cookie=cookie)[1]["lines"]
    assert [(line["reason"], line["change"]) for line in lines[:2]] == [("cash_out", shown["payout"]), ("cash_out", half["value"])]
    # Nobody else's, and nothing that is no wish to sell.
    stranger = server.sign_in()
    assert worth(server, stranger, other["id"])[0] == 404
    assert sell(server, stranger, other["id"], both[1])[0] == 404
    assert server.call("GET", f"/api/v1/bets/{mine['id']}/cash-out")[0] == 401
    assert server.call("GET", "/api/v1/cash-outs", cookie=cookie)[0] == 400
    wrong = server.call("POST", f"/api/v1/bets/{other['id']}/cash-out", {"value": 1}, cookie, headers={"Idempotency-Key": f'"{new_id()}"'})
    assert wrong[0] == 400 and "validUntil" in wrong[1]["detail"]
    operator = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[0]}, base=server.desk)[2]["Set-Cookie"].split(";")[0]
    assert server.call("POST", "/api/v1/audit", {}, operator, base=server.desk)[1]["problems"] == []
    # After a restart the books are the same, and so are the rows.
    server.stop()
    server.start()
    assert server.call("GET", f"/api/v1/bets/{mine['id']}", cookie=cookie)[1]["bet"] == shown


def test_in_play_a_cash_out_waits_and_falls_when_the_desk_shuts_the_market(make_server, tmp_path):
    server = serve(make_server, match(tmp_path / "match.jsonl", 600_000, in_play=True, delay=1500))
    cookie = server.sign_in()
    market = server.open_market(in_play=True)
    bets = []
    for _ in range(2):
        placed = server.call("POST", "/api/v1/bets", bet(market, new_id(), 1000, 0), cookie)
        assert placed[0] == 202, placed
        bets.append(placed[1]["bet"]["id"])
    open_bets = lambda: all(worth(server, cookie, number)[1]["cashOut"].get("value") for number in bets)
    until(open_bets)
    offer = worth(server, cookie, bets[0])[1]["cashOut"]
    assert offer["delay"] == 1500
    key = new_id()
    status, waiting, _ = sell(server, cookie, bets[0], offer, key=key)
    assert status == 202 and waiting["cashOut"]["status"] == "pending" and waiting["cashOut"]["dueAt"]
    assert sell(server, cookie, bets[0], offer)[1]["cashOut"]["refusal"]["code"] == "cash_out_pending"
    done = until(lambda: (a := sell(server, cookie, bets[0], offer, key=key)[1]["cashOut"])["status"] != "pending" and a)
    assert done["status"] == "cashed_out" and done["payout"] == offer["value"]

    sell(server, cookie, bets[1], offer, key=(key := new_id()))
    operator = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[0]}, base=server.desk)[2]["Set-Cookie"].split(";")[0]
    assert server.call("POST", f"/api/v1/markets/{market['id']}/suspend", {"reason": "a doubt"}, operator, base=server.desk)[0] == 200
    fallen = until(lambda: (a := sell(server, cookie, bets[1], offer, key=key)[1]["cashOut"])["status"] != "pending" and a)
    assert fallen["status"] == "refused" and fallen["refusal"]["code"] == "changed_during_delay"
    assert worth(server, cookie, bets[1])[1]["cashOut"]["refusal"]["code"] == "market_suspended"
    assert server.call("POST", "/api/v1/audit", {}, operator, base=server.desk)[1]["problems"] == []


def test_a_bet_is_sold_by_itself_when_it_is_worth_what_was_said(make_server, tmp_path):
    server = serve(make_server, match(tmp_path / "match.jsonl", 4000))
    cookie = server.sign_in()
    market = server.open_market()
    number = server.call("POST", "/api/v1/bets", bet(market, new_id(), 10_000, 0), cookie)[1]["bet"]["id"]
    rule = lambda method, body=None, who=cookie: server.call(method, f"/api/v1/bets/{number}/cash-out-rule", body, who)
    assert rule("PUT", {"atLeast": 15_000})[1]["rule"] == 15_000
    assert worth(server, cookie, number)[1]["cashOut"]["rule"] == 15_000
    assert rule("DELETE")[1]["rule"] is None
    assert rule("PUT", {"atLeast": 0})[0] == 400
    assert rule("PUT", {"atLeast": 16_000}, server.sign_in())[0] == 404
    assert rule("PUT", {"atLeast": 16_000})[0] == 200
    sold = until(lambda: (b := server.call("GET", f"/api/v1/bets/{number}", cookie=cookie)[1].get("bet", {})).get("status") == "cashed_out" and b)
    assert sold["payout"] >= 16_000
    assert rule("PUT", {"atLeast": 16_000})[1]["code"] == "bet_not_open"
    lines = server.call("GET", "/api/v1/statement", cookie=cookie)[1]["lines"]
    assert [line["reason"] for line in lines if line.get("bet") == number] == ["cash_out", "hold"]


@pytest.mark.parametrize("size", SIZES)
def test_a_punter_sells_half_a_bet_and_then_the_rest(make_server, page_of, tmp_path, size):
    server = serve(make_server, match(tmp_path / "match.jsonl", 600_000))
    page = page_of(server.origin, size)
    page.get_by_role("button", name="Open a demo account").click()
    page.locator(".price:not(:disabled)").first.click()
    page.get_by_label("Stake").fill("100.00")
    page.locator("gs-slip button.primary").click()
    mine = page.locator("gs-mine .bet").first
    expect(mine).to_contain_text("open", timeout=10_000)
    offer = mine.locator(".offer")
    expect(offer).to_contain_text("Cash out", timeout=10_000)
    offer.click()
    slider = mine.get_by_role("slider", name="How much of the stake")
    expect(slider).to_be_focused()
    mine.get_by_label("Sell all by itself once worth").fill("250")
    mine.get_by_role("button", name="Set").click()
    taking_back = mine.get_by_role("button", name="Take back")
    expect(taking_back).to_be_visible()
    expect(mine).to_contain_text("Sells itself at 250.00")
    taking_back.click()
    expect(taking_back).to_be_hidden()
    mine.locator(".offer").click()
    slider.fill("5000")
    expect(mine.locator(".words")).to_contain_text("50.00 EUR stands on")
    expect(mine.locator(".confirm")).to_contain_text("Sell for")
    assert violations(page) == []
    # Two looks at what it is worth do not take the keyboard's place away.
    page.wait_for_timeout(4500)
    expect(slider).to_be_focused()
    mine.locator(".confirm").click()
    expect(mine.locator(".message")).to_contain_text("of your stake for", timeout=10_000)
    expect(mine).to_contain_text("Sold before")
    mine.locator(".offer").click()
    mine.locator(".confirm").click()
    expect(mine).to_contain_text("cashed out", timeout=10_000)
    page.get_by_role("tab", name="Statement").click()
    expect(page.locator("gs-mine table")).to_contain_text("Cashed out")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []
    assert page.problems == []
