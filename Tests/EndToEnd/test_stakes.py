"""Bonus money and free stakes, offers and stakes that take what they can get: by REST and in a browser."""

import time

import pytest
from conftest import bet, new_id
from playwright.sync_api import expect
from test_browser import SIZES, browser, page_of, violations  # noqa: F401

OPTIONS = ("--match-seconds", "600", "--seed", "3")


def operator_of(server):
    return server.call("POST", "/api/v1/sign-in", {"code": server.codes()[0]}, base=server.desk)[2]["Set-Cookie"].split(";")[0]


def give(server, operator, account, kind, amount, key=None, reason="welcome", **more):
    return server.call("POST", f"/api/v1/accounts/{account}/grants", {"kind": kind, "amount": amount, "reason": reason, **more}, operator,
                       base=server.desk, headers={"Idempotency-Key": f'"{key or new_id()}"'})


def test_a_customer_is_given_what_it_may_stake(make_server):
    server = make_server(*OPTIONS)
    operator, cookie = operator_of(server), server.sign_in()
    account = server.call("GET", "/api/v1/account", cookie=cookie)[1]["account"]
    promise = {"name": "Welcome", "terms": "Stake 10.00, get 50.00.", "reason": "the season begins"}
    assert server.call("PUT", "/api/v1/promotions/3", promise, operator, base=server.desk)[0] == 200
    key = new_id()
    status, given, _ = give(server, operator, account, "bonus", 5000, key, promotion=3, terms=1)
    assert (status, given["amount"], given["repeated"], given["balances"]["bonus"]) == (200, 5000, False, 5000)
    again = give(server, operator, account, "bonus", 5000, key, promotion=3, terms=1)[1]
    assert (again["repeated"], again["balances"]["bonus"]) == (True, 5000)
    assert give(server, operator, account, "bonus", 1, key)[1]["code"] == "id_reused"
    assert give(server, operator, account, "free", 2000)[1]["balances"]["free"] == 2000
    assert give(server, operator, account, "free", -500)[1]["balances"]["free"] == 1500
    assert give(server, operator, account, "free", -9000)[1]["amount"] == -1500
    assert give(server, operator, account, "free", -1)[1]["code"] == "no_change"
    assert give(server, operator, account, "free", 2000)[0] == 200
    assert give(server, operator, account, "free", 0)[0] == 422
    for wrong in ({"kind": "gold", "amount": 1}, {"kind": "free", "amount": 10**12}):
        assert give(server, operator, account, **wrong)[0] == 400
    assert give(server, operator, account, "free", 1, reason="")[0] == 400
    assert give(server, operator, 999999, "free", 1)[0] == 404
    assert server.call("POST", f"/api/v1/accounts/{account}/grants", {"kind": "free", "amount": 1, "reason": "x"}, operator, base=server.desk)[1]["code"] == "idempotency_key_missing"
    assert server.call("GET", f"/api/v1/accounts/{account}/balances", None, operator, base=server.desk)[1]["balances"]["bonus"] == 5000

    market = server.open_market()
    def place(amount, **stake):
        wanted = bet(market, new_id(), amount)
        wanted["stake"] = {"amount": amount, "currency": "EUR", **stake}
        return server.call("POST", "/api/v1/bets", wanted, cookie)
    odds = market["selections"][0]["odds"]
    status, answer, _ = place(1000, kind="free")
    assert status in (201, 202), answer
    assert answer["bet"]["stakeSplit"] == {"cash": 0, "bonus": 0, "free": 1000}
    assert answer["balances"]["free"] == 1000 and answer["balances"]["cash"] == 100000
    assert abs(answer["bet"]["potentialReturn"] - 1000 * (odds[0] - odds[1]) // odds[1]) <= 60
    mixed = place(3000, bonus=1500, free=500)[1]
    assert mixed["bet"]["stakeSplit"] == {"cash": 1000, "bonus": 1500, "free": 500}
    assert (mixed["balances"]["cash"], mixed["balances"]["bonus"], mixed["balances"]["free"]) == (99000, 3500, 500)
    assert place(1000, kind="free")[1]["bet"]["refusal"]["code"] == "insufficient_funds"
    for wrong in ({"kind": "token"}, {"bonus": 2000}, {"bonus": 600, "free": 600}, {"kind": "bonus", "free": 1}, {"bonus": -1}):
        assert place(1000, **wrong)[0] in (400, 422), wrong
    line = server.call("GET", "/api/v1/statement?limit=1", cookie=cookie)[1]["lines"][0]
    assert (line["change"], line["bonusChange"], line["freeChange"]) == (-1000, -1500, -500)
    row = server.call("GET", f"/api/v1/bets/{mixed['bet']['id']}", cookie=cookie)[1]["bet"]
    assert row["stakeSplit"] == mixed["bet"]["stakeSplit"] and row["returned"] == {"bonus": 0, "free": 0}
    assert server.call("POST", "/api/v1/audit", None, operator, base=server.desk)[1]["problems"] == []
    server.stop()
    server.start()
    # The simulated world ended with its process: bets on it are void, and everything stands where it came from.
    back = lambda: {k: server.call("GET", "/api/v1/account", cookie=cookie)[1]["balances"][k] for k in ("cash", "bonus", "free", "openBets")}
    deadline = time.monotonic() + 15
    while back() != {"cash": 100000, "bonus": 5000, "free": 2000, "openBets": 0}:
        assert time.monotonic() < deadline, back()
        time.sleep(0.1)


@pytest.mark.parametrize("size", SIZES)
def test_a_free_stake_is_given_at_the_desk_and_used_in_the_slip(make_server, page_of, size):
    server = make_server(*OPTIONS)
    page = page_of(server.origin, size)
    page.get_by_role("button", name="Open a demo account").click()
    expect(page.locator("gs-wallet")).to_contain_text("Demo money")
    account = page.evaluate("async () => (await (await fetch('/api/v1/account')).json()).account")
    desk = page_of(server.desk, size)
    desk.get_by_label("One-time code").fill(server.codes()[0])
    desk.get_by_role("button", name="Sign in").click()
    desk.locator("#customer").fill(account)
    desk.get_by_role("button", name="Look").click()
    expect(desk.locator("desk-customer .facts")).to_contain_text("1,000.00")
    expect(desk.locator("desk-customer .facts")).to_contain_text(account)
    desk.get_by_label("Amount").fill("5.00")
    desk.locator("#grant-reason").fill("welcome")
    desk.get_by_role("button", name="Give").click()
    expect(desk.locator("desk-customer [role=status]")).to_contain_text("free stake")
    assert violations(desk) == []
    expect(page.locator("gs-wallet")).to_contain_text("free stakes", timeout=10_000)
    page.locator(".price:not(:disabled)").first.click()
    page.get_by_label("If the price moves").select_option("any")
    page.locator("#stake").fill("4.00")
    page.get_by_label("Pay with").select_option("free")
    expect(page.locator("gs-slip dl")).to_contain_text("Of it free, not returned")
    assert violations(page) == []
    page.locator("gs-slip button.primary").click()
    mine = page.locator("gs-mine .bet").first
    expect(mine).to_contain_text("open", timeout=15_000)
    expect(mine).to_contain_text("free, not returned")
    expect(page.locator("gs-wallet")).to_contain_text("1.00 EUR free stakes")
    expect(page.locator("gs-wallet")).to_contain_text("1,000.00")
    page.get_by_role("tab", name="Statement").click()
    expect(page.locator("gs-mine table")).to_contain_text("4.00 EUR free")
    assert page.problems == [] and desk.problems == []
    page.screenshot(path=f"/tmp/promo-{size}.png", full_page=True)
    desk.locator("desk-customer").screenshot(path=f"/tmp/promo-desk-{size}.png")


@pytest.mark.parametrize("size", SIZES)
def test_a_stake_that_is_too_high_is_offered_lower(make_server, page_of, size):
    server = make_server(*OPTIONS)
    page = page_of(server.origin, size)
    page.get_by_role("button", name="Open a demo account").click()
    expect(page.locator("gs-wallet")).to_contain_text("Demo money")
    page.locator(".price:not(:disabled)").first.click()
    page.get_by_label("If the price moves").select_option("any")
    page.locator("#stake").fill("1500.00")
    page.locator("gs-slip button.primary").click()
    offer = page.locator("gs-slip button.offer")
    expect(offer).to_contain_text("1,000.00 EUR", timeout=10_000)
    expect(page.locator("gs-slip .note")).to_contain_text("above the maximum")
    assert violations(page) == []
    page.screenshot(path=f"/tmp/offer-{size}.png")
    offer.click()
    expect(page.locator("gs-mine .bet").first).to_contain_text("open", timeout=15_000)
    expect(page.locator("gs-wallet")).to_contain_text("0.00 EUR")
    # What takes less by itself is not refused; and the highest stake is one press away.
    other = page_of(server.origin, size)
    other.get_by_role("button", name="Open a demo account").click()
    expect(other.locator("gs-wallet")).to_contain_text("Demo money")
    other.locator(".price:not(:disabled)").first.click()
    other.get_by_label("If the price moves").select_option("any")
    other.get_by_role("button", name="Max", exact=True).click()
    expect(other.locator("#stake")).to_have_value("1000.00")
    other.locator("#stake").fill("1200.00")
    other.get_by_label("Take less if it is too high").check()
    other.locator("gs-slip button.primary").click()
    expect(other.locator("gs-slip .note")).to_contain_text("1,000.00 EUR of your stake was taken", timeout=15_000)
    assert page.problems == [] and other.problems == []
