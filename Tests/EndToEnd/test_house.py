"""What the house adds to bets and takes of what they win, and systems with groups."""

import subprocess
import time

import pytest
from conftest import BINARY, bet, new_id
from playwright.sync_api import expect
from test_browser import SIZES, browser, page_of, violations  # noqa: F401
from test_trading import asking, desk_of, people, wait_for


def make(ask, number, prices=([3, 1], [3, 2])):
    """A match with one market that somebody made, priced and opened."""
    match = {"sport": "tennis", "competition": "Club night", "home": f"Ada {number}", "away": "Bea", "scheduled": "2030-01-01T10:00:00Z", "reason": "asked for"}
    fixture = ask("POST", "/fixtures", match, key=new_id())[1]["fixture"]
    body = {"kind": "match_odds", "name": "Winner", "selections": [f"Ada {number}", "Bea"], "maximumStake": 500_000, "liabilityLimit": 100_000_000, "reason": "asked for"}
    market = ask("POST", f"/fixtures/{fixture}/markets", body, key=new_id())[1]["market"]
    assert ask("PUT", f"/markets/{market}/pricing", {"held": list(prices), "reason": "my book"})[0] == 200
    assert ask("POST", f"/markets/{market}/resume", {"reason": "open"})[0] == 200
    return fixture, market


def settle(first, second, market, results):
    proposal = second("POST", f"/markets/{market}/results", {"results": results, "reason": "seen"})[1]["proposal"]
    assert first("POST", f"/proposals/{proposal}/approve", None, key=new_id())[0] == 200


def slip_of(server, fixtures, selection=0):
    markets = [server.call("GET", f"/api/v1/fixtures/{f}")[1]["markets"][0] for f in fixtures]
    return [bet(m, new_id(), 100, selection)["legs"][0] for m in markets]


def test_house_rules_are_set_seen_in_the_slip_and_kept_by_bets(make_server):
    server = make_server("--feed", "none")
    supervisor, trader, viewer = [asking(server, cookie) for cookie in people(server)]
    cookie = server.sign_in()
    made = [make(trader, n) for n in range(4)]
    legs = slip_of(server, [f for f, _ in made])
    system = {"structure": "system", "system": {"sizes": [1, 2, 3, 4]}, "legs": legs}
    slip = lambda body: server.call("POST", "/api/v1/slip", {"stake": {"amount": 100, "currency": "EUR", "per": "line"}, **body}, cookie)[1]
    def place(body):
        until = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 15))
        return server.call("POST", "/api/v1/bets", {"id": new_id(), "validUntil": until, "stake": {"amount": 100, "currency": "EUR", "per": "line"}, **body}, cookie)

    status, rules, fields = viewer("GET", "/house-rules")
    assert status == 200 and rules["commission"] == 0 and rules["bonuses"] == []
    assert "bonus" not in slip(system) and "commission" not in slip(system)
    before = place(system)[1]["bet"]
    assert before["status"] == "open", before
    body = {"commission": 500, "bonuses": [{"cover": "lucky_15", "onlyWinner": 200, "allWinners": 1000}], "reason": "a new season"}
    assert trader("PUT", "/house-rules", body)[1]["code"] == "role_missing"
    for wrong, code in ({**body, "commission": 5001}, "malformed"), ({**body, "bonuses": [{"cover": "lucky_16"}]}, "malformed"), (
            {**body, "bonuses": [{"cover": "trixie", "onlyWinner": 200}]}, "amount_out_of_range"), ({**body, "bonuses": body["bonuses"] * 2}, "not_a_bonus"), (
            {**body, "bonuses": [{"cover": "patent", "onlyWinner": 99}]}, "malformed"), ({**body, "bonuses": [{"cover": "patent", "allWinners": -1}]}, "malformed"), ({**body, "reason": ""}, "malformed"):
        assert supervisor("PUT", "/house-rules", wrong)[1]["code"] == code, wrong
    assert supervisor("PUT", "/house-rules", body, {"If-Match": fields["ETag"]})[0] == 200
    assert supervisor("PUT", "/house-rules", {**body, "commission": 1}, {"If-Match": fields["ETag"]})[1]["code"] == "changed_since"
    assert supervisor("PUT", "/house-rules", body)[1]["code"] == "no_change"
    seen = slip(system)
    assert seen["bonus"] == {"onlyWinner": 200, "allWinners": 1000} and seen["commission"] == 500
    after = place(system)[1]["bet"]
    assert after["potentialReturn"] == before["potentialReturn"] * 11 // 10
    nested = {"structure": "system", "system": {"sizes": [2], "groups": [{"from": 0, "to": 1, "sizes": [1]}, {"from": 2, "to": 3, "sizes": [2]}]}, "legs": legs}
    assert slip(nested)["lines"] == 2 and "bonus" not in slip(nested)
    grouped = place(nested)[1]["bet"]
    assert grouped["stake"] == 200 and grouped["potentialReturn"] == 2 * 2700, grouped
    for wrong in ([{"from": 0, "to": 3, "sizes": [1]}], [{"from": 0, "to": 2, "sizes": [1]}, {"from": 1, "to": 3, "sizes": [1]}], [{"from": 1, "to": 1, "sizes": [1]}]):
        answer = place({**nested, "system": {"sizes": [2], "groups": wrong}})
        assert answer[0] == 422 and answer[1]["code"] == "not_a_bet", answer
    assert place({**nested, "system": {"sizes": [2], "groups": [{"from": 0}]}})[0] == 400
    # One of four wins: its winnings count twice for who asked under the rules.
    for number, (_, market) in enumerate(made):
        settle(supervisor, trader, market, ["won", "lost"] if number == 0 else ["lost", "won"])
    known = lambda one: server.call("GET", f"/api/v1/bets/{one['id']}", cookie=cookie)[1]["bet"]
    wait_for(lambda: all(known(b)["status"] == "settled" for b in (before, after, grouped)))
    assert [known(b)["payout"] for b in (before, after, grouped)] == [300, 500, 0]
    assert known(grouped)["system"] == {"sizes": [2], "bankers": [], "lines": 2, "groups": [{"from": 0, "to": 1, "sizes": [1]}, {"from": 2, "to": 3, "sizes": [2]}]}
    why = server.call("GET", f"/api/v1/bets/{after['id']}/explanation", cookie=cookie)[1]
    assert why["bonus"] == "Only one leg won: its winnings count 2 times." and why["comesTo"] == "500" and "commission" not in why
    lines = server.call("GET", f"/api/v1/bets/{grouped['id']}/explanation", cookie=cookie)[1]["lines"]
    assert [line["legs"] for line in lines] == [[0, 2, 3], [1, 2, 3]]
    fixture, market = make(trader, 9)
    single = server.call("POST", "/api/v1/bets", bet(server.call("GET", f"/api/v1/fixtures/{fixture}")[1]["markets"][0], new_id(), 1000), cookie)[1]["bet"]
    assert single["potentialReturn"] == 3000
    settle(supervisor, trader, market, ["won", "lost"])
    wait_for(lambda: known(single)["status"] == "settled")
    # 20.00 are won, 5 % of that is the house's.
    assert known(single)["payout"] == 2900
    assert server.call("GET", f"/api/v1/bets/{single['id']}/explanation", cookie=cookie)[1]["commission"] == "100"
    assert supervisor("POST", "/audit")[1]["problems"] == []
    assert viewer("GET", "/trail?action=house_rules")[1]["actions"][-1]["reason"] == "a new season"
    server.stop()
    assert subprocess.run([BINARY, "journal", "verify", server.directory], capture_output=True).returncode == 0
    server.start()
    viewer = asking(server, people(server)[2])
    assert viewer("GET", "/house-rules")[1]["commission"] == 500
    assert known(grouped)["payout"] == 0


@pytest.mark.parametrize("size", SIZES)
def test_a_supervisor_moves_the_house_rules_and_a_customer_sees_them(make_server, page_of, size):
    server = make_server("--match-seconds", "600", "--seed", "3")
    desk = desk_of(server, page_of, size)
    desk.get_by_role("button", name="House…").click()
    dialog = desk.locator("dialog")
    dialog.get_by_label("Patent: an only winner counts so often").fill("3")
    dialog.get_by_label("Patent: so many % more where all win").fill("5")
    dialog.get_by_label("Commission on winnings, %").fill("60")
    dialog.get_by_label("Reason").fill("a new season")
    dialog.get_by_role("button", name="Set").click()
    expect(dialog.get_by_role("alert")).to_contain_text("0 to 50 %")
    dialog.get_by_label("Commission on winnings, %").fill("2")
    assert violations(desk) == []
    desk.screenshot(path=f"/tmp/house-{size}.png")
    dialog.get_by_role("button", name="Set").click()
    expect(dialog).to_have_count(0)
    page = page_of(server.origin, size)
    page.get_by_role("button", name="Open a demo account").click()
    page.evaluate("""async markets => {
        const { state } = await import("/state.js");
        for (const id of markets) {
            while (!state.markets.get(id)) await new Promise(done => setTimeout(done, 50));
            state.toggle(state.markets.get(id), state.markets.get(id).selections[0]);
        }
    }""", [market["id"] for market in server.open_markets(3)])
    page.get_by_label("Kind of bet").select_option(label="Patent (7 bets)")
    expect(page.locator("gs-slip")).to_contain_text("one winner counts 3 times; all win: 5 % more", timeout=10_000)
    expect(page.locator("gs-slip")).to_contain_text("2 % of winnings")
    assert violations(page) == []
    page.locator("gs-slip").screenshot(path=f"/tmp/bonus-{size}.png")
    assert desk.problems == [] and page.problems == []
