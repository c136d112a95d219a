"""Single-use quotes, and selections of one match at one price."""

import time
from datetime import datetime, timedelta, timezone

import pytest
from conftest import bet, new_id
from playwright.sync_api import expect
from test_browser import SIZES, browser, page_of, violations  # noqa: F401

OPTIONS = ("--match-seconds", "900", "--seed", "3")


def until(seconds=15):
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def fixture_with(server, count):
    """An open match that has not begun, with so many open markets."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for fixture in server.call("GET", "/api/v1/fixtures")[1]["fixtures"]:
            shown = server.call("GET", f"/api/v1/fixtures/{fixture['id']}")[1]
            markets = [m for m in shown["markets"] if m["status"] == "open" and all(s["odds"] for s in m["selections"])]
            if len(markets) >= count and not shown["fixture"]["inPlay"]:
                return markets[:count]
        time.sleep(0.1)
    raise AssertionError("no match")


def quote_of(server, cookie, legs, **more):
    return server.call("POST", "/api/v1/quotes", {"legs": legs, **more}, cookie)


def place(server, cookie, quote, legs=None, key=None, **more):
    body = {"validUntil": until(), "stake": {"amount": 500, "currency": "EUR"}, "quote": quote["quote"],
            "legs": legs or [{"market": l["market"], "selection": l["selection"], "odds": l["odds"]} for l in quote["legs"]], **more}
    return server.call("POST", "/api/v1/bets", body, cookie, headers={"Idempotency-Key": f'"{key or quote["id"]}"'})


def still(server, cookie, wanted, structure=None):
    """A quote whose prices hold until its bet is decided: prices of the world move all the time."""
    for _ in range(40):
        legs = [{"market": m["id"], "selection": s} for m, s in wanted]
        status, quote, _ = quote_of(server, cookie, legs, **({"structure": structure} if structure else {}))
        if status != 200:
            time.sleep(0.2)
            continue
        answer = place(server, cookie, quote, **({"structure": structure} if structure else {}))
        if answer[1].get("bet", {}).get("status") in ("open", "pending"):
            return quote, answer
    raise AssertionError(f"{quote} {answer}")


def test_a_quote_is_for_one_bet_of_one_account_and_once(make_server):
    server = make_server(*OPTIONS, "--quotes", "required")
    cookie, other = server.sign_in(), server.sign_in()
    market = server.open_market()
    assert server.call("POST", "/api/v1/bets", bet(market, new_id(), 500), cookie)[1]["code"] == "quote_missing"
    assert server.call("POST", "/api/v1/slip", {"stake": {"amount": 500, "currency": "EUR"}, "legs": bet(market, new_id(), 500)["legs"]}, cookie)[1]["quoteRequired"] is True
    leg = {"market": market["id"], "selection": 0}
    assert quote_of(server, None, [leg])[0] == 401
    for wrong in ([], [{"market": market["id"]}], [{"market": "x", "selection": 0}]):
        assert quote_of(server, cookie, wrong)[0] == 400
    assert quote_of(server, cookie, [{"market": "999999", "selection": 0}])[1]["code"] == "not_offered"
    quote, taken = still(server, cookie, [(market, 0)])
    assert place(server, cookie, quote)[1]["bet"]["repeated"] is True
    changed = place(server, cookie, quote, stake={"amount": 600, "currency": "EUR"})
    assert changed[0] == 422 and changed[1]["bet"]["refusal"]["code"] == "id_reused"
    fresh = quote_of(server, cookie, [leg])[1]
    assert place(server, other, fresh)[1]["code"] == "quote_invalid"
    assert place(server, cookie, fresh, key=new_id())[1]["code"] == "quote_invalid"
    assert place(server, cookie, {**fresh, "quote": fresh["quote"][:-4] + "AAAA"})[1]["code"] == "quote_invalid"
    longer = [{**leg, "odds": [fresh["legs"][0]["odds"][0] + 1, fresh["legs"][0]["odds"][1]]}]
    assert place(server, cookie, fresh, legs=longer)[1]["code"] == "quote_invalid"
    assert place(server, cookie, fresh, structure="same_game", legs=[longer[0], longer[0]])[1]["code"] == "quote_invalid"
    codes = [quote_of(server, other, [leg])[0] for _ in range(33)]
    assert codes == [200] * 32 + [429], codes
    server.stop()
    server.start()
    # The key is the data directory's: what was quoted is still for its bet, as far as its time goes.
    assert place(server, cookie, quote)[1]["bet"]["id"] == taken[1]["bet"]["id"]


def test_selections_of_one_match_get_one_price_and_are_settled_at_it(make_server):
    server = make_server(*OPTIONS)
    cookie = server.sign_in()
    markets = fixture_with(server, 3)
    legs = [bet(m, new_id(), 500)["legs"][0] for m in markets]
    accumulator = server.call("POST", "/api/v1/bets", {**bet(markets[0], new_id(), 500), "structure": "accumulator", "legs": legs}, cookie)[1]["bet"]
    assert accumulator["refusal"]["code"] == "related"
    assert server.call("POST", "/api/v1/bets", {**bet(markets[0], new_id(), 500), "structure": "same_game", "legs": legs}, cookie)[1]["code"] == "quote_missing"
    slip = server.call("POST", "/api/v1/slip", {"stake": {"amount": 500, "currency": "EUR"}, "structure": "same_game", "legs": legs}, cookie)[1]
    assert not slip["related"] and slip["quoteRequired"] and slip["potentialReturn"] == 500 * slip["jointOdds"][0] // slip["jointOdds"][1]
    quote, (status, placed, _) = still(server, cookie, [(m, 0) for m in markets], "same_game")
    # Neither the product of what depends on each other, nor shorter than the longest of them alone.
    product = 1
    for leg in quote["legs"]:
        product *= leg["odds"][0] / leg["odds"][1]
    joint = quote["jointOdds"][0] / quote["jointOdds"][1]
    assert 1 < joint < product
    assert placed["bet"]["potentialReturn"] == 500 * quote["jointOdds"][0] // quote["jointOdds"][1]
    shown = server.call("GET", f"/api/v1/bets/{placed['bet']['id']}", cookie=cookie)[1]["bet"]
    deadline = time.monotonic() + 10
    while "jointOdds" not in shown and time.monotonic() < deadline:
        shown = server.call("GET", f"/api/v1/bets/{placed['bet']['id']}", cookie=cookie)[1]["bet"]
    assert shown["jointOdds"] == quote["jointOdds"] and len(shown["legs"]) == 3
    why = server.call("GET", f"/api/v1/bets/{placed['bet']['id']}/explanation", cookie=cookie)[1]
    assert why["jointOdds"] == quote["jointOdds"] and why["comesTo"] is None and len(why["lines"]) == 1
    assert server.call("GET", f"/api/v1/bets/{placed['bet']['id']}/cash-out?stake=0", cookie=cookie)[1]["cashOut"]["refusal"]["code"] == "cash_out_not_offered"
    two = [{"market": m["id"], "selection": 0} for m in (markets[0], markets[0])]
    assert quote_of(server, cookie, two, structure="same_game")[1]["code"] == "not_priced_together"
    assert server.call("POST", "/api/v1/bets", {**bet(markets[0], new_id(), 500), "structure": "same_game"}, cookie)[0] == 422


@pytest.mark.parametrize("size", SIZES)
def test_the_slip_prices_selections_of_one_match_together(make_server, page_of, size):
    server = make_server(*OPTIONS, "--quotes", "required")
    page = page_of(server.origin, size)
    page.get_by_role("button", name="Open a demo account").click()
    page.evaluate("""async markets => {
        const { state } = await import("/state.js");
        for (const id of markets) {
            while (!state.markets.get(id)) await new Promise(done => setTimeout(done, 50));
            state.toggle(state.markets.get(id), state.markets.get(id).selections[0]);
        }
    }""", [m["id"] for m in fixture_with(server, 2)])
    page.get_by_label("If the price moves").select_option("any")
    slip = page.locator("gs-slip")
    expect(slip).to_contain_text("Together at", timeout=10_000)
    assert violations(page) == []
    slip.screenshot(path=f"/tmp/together-{size}.png")
    first = page.locator("gs-mine .bet").first
    for _ in range(30):
        button = slip.locator("button.primary")
        if not button.count() or first.get_by_text("open", exact=True).count():
            break
        # A price that moved between the quote and the bet is asked for again.
        if button.is_enabled():
            button.click()
        page.wait_for_timeout(300)
    expect(page.locator("gs-mine")).to_contain_text("Together at", timeout=10_000)
    expect(page.locator("gs-mine .bet .tag", has_text="open").first).to_be_visible(timeout=10_000)
    assert page.problems == []
