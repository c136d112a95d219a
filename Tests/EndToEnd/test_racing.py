"""A race from its supplier's file to each-way bets that are paid, by REST and in a browser."""

import json
import subprocess
import time

import pytest
from conftest import BINARY, bet, new_id
from playwright.sync_api import expect
from test_browser import browser, page_of, violations  # noqa: F401

START = 1_800_000_000_000
RUNNERS = ["Alder", "Birch", "Cedar", "Dogwood", "Elm"]
TERMS = {"places": 3, "fraction": [1, 5]}


def race(path, withdrawn_after, result_after):
    """Five runners at about 4.8; the last is withdrawn, then the second wins and two come in third together."""
    quotes = {"type": "quotes", "market": "r1/win", "quotes": [{"back": "4.7", "lay": "4.9"}] * 5}
    after = {**quotes, "quotes": [{"back": "3.7", "lay": "3.9"}] * 4 + [{"active": False}]}
    lines = [
        (0, {"type": "fixture", "id": "r1", "sport": "horse_racing", "competition": "Evening card", "home": "16:20", "away": "Ascot", "scheduled": START + 60_000}),
        (0, {"type": "market", "id": "r1/win", "fixture": "r1", "kind": "other", "name": "Win", "winners": 1, "delay": 0,
             "eachWay": TERMS, "deductions": "rule_4", "selections": [{"id": n, "name": name} for n, name in enumerate(RUNNERS)]}),
        (0, quotes), (0, {"type": "state", "market": "r1/win", "suspended": False}),
        (withdrawn_after, {"type": "state", "market": "r1/win", "suspended": True}),
        (withdrawn_after, {"type": "withdrawal", "market": "r1/win", "selection": 4, "effective": 0, "eachWay": {"places": 2, "fraction": [1, 4]}}),
        (withdrawn_after + 100, after), (withdrawn_after + 100, {"type": "state", "market": "r1/win", "suspended": False}),
        (result_after, {"type": "result", "market": "r1/win", "certainty": 2, "results": ["lost", "won", "lost", "lost", "void"],
                        "finish": [{"position": 3, "tied": 2}, {"position": 1}, {"position": 3, "tied": 2}, {"position": 2}, None]}),
        (result_after + 600_000, {"type": "heartbeat"}),
    ]
    path.write_text("".join(json.dumps({"time": START + at, **line}) + "\n" for at, line in lines))
    return path


def each_way(market, runner, amount, terms, **more):
    wanted = {**bet(market, new_id(), amount, runner, eachWay=True), **more}
    wanted["legs"][0]["eachWay"] = terms
    return wanted


def wait(server, cookie, status):
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        bets = {b["id"]: b for b in server.call("GET", "/api/v1/bets", cookie=cookie)[1]["bets"]}
        if all(b["status"] == status for b in bets.values() if b["status"] != "refused"):
            return bets
        time.sleep(0.05)
    raise AssertionError(bets)


def test_each_way_bets_are_taken_and_paid_by_where_runners_came_in(make_server, tmp_path):
    server = make_server("--feed", str(race(tmp_path / "race.jsonl", 4000, 8000)), "--speed", "1", "--stale-after", "180000")
    cookie = server.sign_in()
    market = server.open_market()
    assert market["eachWay"] == TERMS
    place = lambda body: server.call("POST", "/api/v1/bets", body, cookie)
    # The whole stake or that of each part; terms that were never shown; a stake that does not divide; none said.
    first = place(each_way(market, 0, 200, TERMS))
    assert first[0] == 201, first
    winner = place(each_way(market, 1, 100, TERMS, stake={"amount": 100, "currency": "EUR", "per": "line"}))[1]["bet"]
    assert winner["stake"] == 200
    assert place(each_way(market, 1, 200, {"places": 2, "fraction": [1, 5]}))[1]["bet"]["refusal"]["code"] == "place_terms_changed"
    assert place(each_way(market, 1, 201, TERMS))[1]["bet"]["refusal"]["code"] == "stake_not_divisible"
    assert place({**bet(market, new_id()), "eachWay": True})[0] == 422
    assert place(each_way(market, 1, 200, {"places": 3}))[0] == 400
    numbers = server.call("POST", "/api/v1/slip", {k: v for k, v in each_way(market, 1, 200, TERMS).items() if k not in ("id", "validUntil")}, cookie)[1]
    assert numbers["lines"] == 2 and numbers["potentialReturn"] == winner["potentialReturn"]

    deadline = time.monotonic() + 20
    while True:
        later = server.call("GET", f"/api/v1/markets/{market['id']}")[1]["market"]
        if later["selections"][4].get("withdrawn") and later["status"] == "open":
            break
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert later["eachWay"] == {"places": 2, "fraction": [1, 4]}
    assert place(each_way(later, 1, 200, TERMS))[1]["bet"]["refusal"]["code"] == "place_terms_changed"
    late = place(each_way(later, 1, 200, later["eachWay"]))[1]["bet"]
    bets = wait(server, cookie, "settled")

    def part(odds, terms, kept):
        winnings = (odds[0] - odds[1]) / odds[1]
        win, placed = 1 + winnings * kept, 1 + winnings * kept * terms["fraction"][0] / terms["fraction"][1]
        return win, placed

    # The withdrawn runner stood between 3/1 and 4/1: twenty pence of what was struck before.
    assert 4 < market["selections"][4]["odds"][0] / market["selections"][4]["odds"][1] <= 5
    kept = 0.80
    win, placed = part(winner["odds"][0], TERMS, kept)
    assert bets[winner["id"]]["payout"] == int(100 * (win + placed) + 1e-6)
    win, placed = part(late["odds"][0], later["eachWay"], 1)
    assert bets[late["id"]]["payout"] == int(100 * (win + placed) + 1e-6)
    # Third together with another: half of a place part of a hundred.
    _, placed = part(first[1]["bet"]["odds"][0], TERMS, kept)
    mine = bets[first[1]["bet"]["id"]]
    assert mine["payout"] == int(100 * placed / 2 + 1e-6)
    assert mine["eachWay"] is True and mine["legs"][0]["eachWay"] == TERMS
    # Why: both parts of the winner, by the engine's own rules.
    status, why, _ = server.call("GET", f"/api/v1/bets/{winner['id']}/explanation", cookie=cookie)
    assert status == 200 and why["payout"] == bets[winner["id"]]["payout"] and why["lineCount"] == 2
    assert [line["part"] for line in why["lines"]] == ["win", "place"]
    assert abs(sum(float(line["comesTo"]) for line in why["lines"]) - float(why["comesTo"])) < 0.001
    assert any("20 % off winnings" in word for word in why["legs"][0]["why"])
    assert server.call("GET", f"/api/v1/bets/{mine['id']}/explanation", cookie=cookie)[1]["legs"][0]["why"][-1].startswith("Came in 3, 2 together: placed")
    stranger = server.sign_in()
    assert server.call("GET", f"/api/v1/bets/{winner['id']}/explanation", cookie=stranger)[1]["code"] == "bet_unknown"
    assert server.call("GET", f"/api/v1/bets/{winner['id']}/explanation")[0] == 401
    operator = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[0]}, base=server.desk)[2]["Set-Cookie"].split(";")[0]
    assert server.call("POST", "/api/v1/audit", {}, operator, base=server.desk)[1]["problems"] == []


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_a_punter_bets_each_way_on_the_slip_and_is_told_why(make_server, tmp_path, page_of, size):  # noqa: F811
    server = make_server("--feed", str(race(tmp_path / "race.jsonl", 500_000, 600_000)), "--speed", "1", "--stale-after", "180000")
    server.open_market()
    page = page_of(server.origin, size)
    page.get_by_role("button", name="Open a demo account").click()
    page.locator(".price:not(:disabled)").nth(1).click()
    expect(page.locator("gs-slip dl")).to_contain_text("EUR")
    page.get_by_label("Each way").check()
    expect(page.locator("gs-slip")).to_contain_text("1/5 the odds, places 1-2-3")
    expect(page.locator("gs-slip button.primary")).to_contain_text("10.00")
    assert violations(page) == []
    page.get_by_label("If the price moves").select_option("any")
    page.locator("gs-slip button.primary").click()
    expect(page.locator("gs-mine .bet").first).to_contain_text("open", timeout=10_000)
    expect(page.locator("gs-mine .bet").first).to_contain_text("each way")
    expect(page.locator("gs-wallet")).to_contain_text("990.00")
    # Two operators settle the race; then the bet says what it came to, and why.
    one, other = (server.call("POST", "/api/v1/sign-in", {"code": code}, base=server.desk)[2]["Set-Cookie"].split(";")[0] for code in server.codes()[:2])
    market = server.open_market()
    results = {"results": ["lost", "won", "lost", "lost", "lost"], "reason": "seen"}
    path = f"/api/v1/markets/{market['id']}/results"
    ask = lambda **more: server.call("POST", path, {**results, **more}, one, base=server.desk)
    # Two cannot come in first when one has won, nor a dead heat be without those who tied.
    assert ask(finish=[{"position": 1}, {"position": 1}, None, None, None])[1]["code"] == "too_many_winners"
    assert ask(results=["dead_heat", "dead_heat", "lost", "lost", "lost"])[1]["code"] == "results_mismatch"
    assert ask(finish=[{"position": 0}, None, None, None, None])[0] == 400
    results["finish"] = [{"position": 2}, {"position": 1}, None, {"position": 3, "tied": 2}, {"position": 255}]
    proposal = ask()[1]["proposal"]
    assert server.call("POST", f"/api/v1/proposals/{proposal}/approve", {}, other, base=server.desk)[0] == 200
    expect(page.locator("gs-mine .bet").first).to_contain_text("won", timeout=10_000)
    page.get_by_role("button", name="Why").first.click()
    expect(page.locator("gs-mine .explained")).to_contain_text("1/5 of the winnings for the first 3")
    expect(page.locator("gs-mine .explained table")).to_contain_text("Birch (place)")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.problems == []
    page.screenshot(path=str(tmp_path / f"each-way-{size}.png"))


def starting(path, starts_after, result_after):
    """Three runners; bets at starting price are taken until what they started at is said."""
    lines = [
        (0, {"type": "fixture", "id": "s1", "sport": "horse_racing", "competition": "Evening card", "home": "16:50", "away": "Ascot", "scheduled": START + 60_000}),
        (0, {"type": "market", "id": "s1/win", "fixture": "s1", "kind": "other", "name": "Win", "winners": 1, "delay": 0, "deductions": "rule_4",
             "startingPrice": True, "selections": [{"id": n, "name": name} for n, name in enumerate(RUNNERS[:3])]}),
        (0, {"type": "quotes", "market": "s1/win", "quotes": [{"back": "2.9", "lay": "3.1"}] * 3}),
        (0, {"type": "state", "market": "s1/win", "suspended": False}),
        (starts_after, {"type": "starting_prices", "market": "s1/win", "prices": ["5.5", "3.25", "9"]}),
        (result_after, {"type": "result", "market": "s1/win", "certainty": 2, "results": ["won", "lost", "lost"]}),
        (result_after + 600_000, {"type": "heartbeat"}),
    ]
    path.write_text("".join(json.dumps({"time": START + at, **line}) + "\n" for at, line in lines))
    return path


def test_bets_at_starting_price_are_paid_at_what_their_runners_started_at(make_server, tmp_path):
    server = make_server("--feed", str(starting(tmp_path / "race.jsonl", 4000, 6000)), "--speed", "1", "--stale-after", "180000")
    cookie = server.sign_in()
    market = server.open_market()
    assert market["startingPrice"] is True
    place = lambda body: server.call("POST", "/api/v1/bets", body, cookie)

    def at_start(runner, **more):
        body = bet(market, new_id(), 200, 0)
        del body["legs"][0]["odds"]
        body["legs"][0].update(selection=runner, startingPrice=True, **more)
        return body

    taken = place(at_start(0))[1]["bet"]
    assert taken["status"] == "open" and taken["odds"] == [None] and taken["potentialReturn"] > 500
    assert place(at_start(1))[1]["bet"]["status"] == "open"
    # A leg has a price or is at starting price.
    assert place(at_start(0, odds=[2, 1]))[0] == 400
    numbers = server.call("POST", "/api/v1/slip", {k: v for k, v in at_start(0).items() if k not in ("id", "validUntil")}, cookie)[1]
    assert numbers["potentialReturn"] == taken["potentialReturn"]
    quote = server.call("POST", "/api/v1/quotes", {"legs": [{"market": market["id"], "selection": 0, "startingPrice": True}]}, cookie)
    assert quote[0] == 200 and quote[1]["legs"][0] == {"market": market["id"], "selection": 0, "odds": None, "startingPrice": True, "version": market["version"]}, quote
    quoted = place({**at_start(0), "id": quote[1]["id"], "quote": quote[1]["quote"]})
    assert quoted[1]["bet"]["status"] == "open", quoted
    mine = server.call("GET", f"/api/v1/bets/{taken['id']}", cookie=cookie)[1]["bet"]
    assert mine["legs"][0]["odds"] is None and mine["legs"][0]["startingPrice"] is True
    assert "cash_out_not_offered" in json.dumps(server.call("GET", f"/api/v1/bets/{taken['id']}/cash-out", cookie=cookie)[1])
    bets = wait(server, cookie, "settled")
    assert [bets[b]["payout"] for b in sorted(bets, key=int) if bets[b]["status"] == "settled"] == [1100, 0, 1100]
    why = server.call("GET", f"/api/v1/bets/{taken['id']}/explanation", cookie=cookie)[1]
    assert why["legs"][0]["why"] == ["Won.", "It started at 5.50."] and why["comesTo"] == "1100"


@pytest.mark.parametrize("size", ["phone", "desktop"])
def test_a_punter_takes_the_starting_price_on_the_slip(make_server, tmp_path, page_of, size):  # noqa: F811
    server = make_server("--feed", str(starting(tmp_path / "race.jsonl", 500_000, 600_000)), "--speed", "1", "--stale-after", "180000")
    server.open_market()
    page = page_of(server.origin, size)
    page.get_by_role("button", name="Open a demo account").click()
    page.locator(".price:not(:disabled)").first.click()
    expect(page.locator("gs-slip .leg .number")).not_to_have_text("SP")
    page.get_by_role("button", name="Starting price").click()
    expect(page.locator("gs-slip .leg .number")).to_have_text("SP")
    expect(page.locator("gs-slip dl")).to_contain_text("if it starts as it stands now")
    expect(page.locator("gs-slip button.primary")).to_be_enabled()
    assert violations(page) == []
    page.screenshot(path=f"/tmp/starting-{size}.png")
    page.locator("gs-slip button.primary").click()
    expect(page.locator("gs-mine .bet").first).to_contain_text("open", timeout=10_000)
    expect(page.locator("gs-mine .bet").first).to_contain_text("@ SP")
    expect(page.locator("gs-mine .bet").first).to_contain_text("Returns about")
    page.reload()
    expect(page.locator("gs-mine .bet").first).to_contain_text("@ SP", timeout=10_000)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.problems == []


@pytest.mark.parametrize("at_the_off", [False, True])
def test_a_bet_says_whether_its_terms_count_as_struck_or_at_the_off(make_server, tmp_path, at_the_off):
    path = race(tmp_path / "race.jsonl", 600_000, 700_000)
    path.write_text(path.read_text().replace('"deductions": "rule_4"', f'"deductions": "rule_4", "atTheOff": {json.dumps(at_the_off)}'))
    server = make_server("--feed", str(path), "--speed", "1", "--stale-after", "180000")
    cookie = server.sign_in()
    market = server.open_market()
    assert market.get("eachWayAtTheOff", False) is at_the_off
    taken = server.call("POST", "/api/v1/bets", each_way(market, 0, 200, TERMS), cookie)[1]["bet"]
    told = subprocess.run([BINARY, "replay", "bet", taken["id"], "--data", server.directory], capture_output=True, text=True).stdout
    assert f"each way 1/5 of 3 places, {'or what they are at the off' if at_the_off else 'as struck'}" in told


def test_what_comes_to_more_than_any_bet_pays_says_so(make_server, tmp_path):
    server = make_server("--feed", str(starting(tmp_path / "race.jsonl", 3000, 4000)), "--speed", "1", "--stale-after", "180000", "--payout-cap", "1000")
    cookie = server.sign_in()
    market = server.open_market()
    body = bet(market, new_id(), 200, 0)
    del body["legs"][0]["odds"]
    body["legs"][0].update(selection=0, startingPrice=True)
    taken = server.call("POST", "/api/v1/bets", body, cookie)[1]["bet"]
    assert taken["status"] == "open" and taken["potentialReturn"] <= 1000
    bets = wait(server, cookie, "settled")
    assert bets[taken["id"]]["payout"] == 1000
    why = server.call("GET", f"/api/v1/bets/{taken['id']}/explanation", cookie=cookie)[1]
    assert (why["comesTo"], why["cappedAt"], why["payout"]) == ("1100", 1000, 1000)
