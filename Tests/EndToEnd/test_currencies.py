"""Currencies with no, two and three decimals, from the first price to the statement, and the rate that stands on a bet."""

import subprocess

import pytest
from conftest import BINARY, bet, new_id
from playwright.sync_api import expect
from test_browser import browser, page_of, violations  # noqa: F401


@pytest.mark.parametrize("currency, grant, shown, staked, stake_text", [
    ("JPY", 150_000, "150,000 JPY", 500, "500"), ("EUR", 150_000, "1,500.00 EUR", 500, "5.00"), ("KWD", 150_000, "150.000 KWD", 500, "0.500"),
])
def test_money_is_shown_with_the_decimals_of_its_currency(make_server, page_of, currency, grant, shown, staked, stake_text):
    server = make_server("--currency", currency, "--demo-grant", str(grant), "--match-seconds", "600", "--seed", "3", "--fx-rate", "1.0873")
    page = page_of(server.origin)
    page.get_by_role("button", name="Open a demo account").click()
    expect(page.locator("gs-wallet")).to_contain_text(shown)
    page.locator(".price:not(:disabled)").first.click()
    page.get_by_label("If the price moves").select_option("any")
    page.locator("#stake").fill(stake_text)
    expect(page.locator("gs-slip button.primary")).to_contain_text(f"{stake_text} {currency}")
    page.locator("gs-slip button.primary").click()
    expect(page.locator("gs-mine .bet").first).to_contain_text("open", timeout=15_000)
    expect(page.locator("gs-mine .bet").first).to_contain_text(f"Stake {stake_text} {currency}")
    account = page.evaluate("async () => (await (await fetch('/api/v1/account')).json())")
    assert (account["currency"], account["balances"]["openBets"], account["balances"]["cash"]) == (currency, staked, grant - staked)
    page.get_by_role("tab", name="Statement").click()
    expect(page.locator("gs-mine table")).to_contain_text(f"−{stake_text} {currency}")
    desk = page_of(server.desk)
    desk.get_by_label("One-time code").fill(server.codes()[0])
    desk.get_by_role("button", name="Sign in").click()
    expect(desk.locator("desk-ticker tbody tr").first).to_contain_text(f"{stake_text} {currency}")
    desk.get_by_label("Only bets on").fill("no such match")
    expect(desk.locator("desk-ticker tbody tr")).to_have_count(0)
    desk.get_by_label("Only bets on").fill("match result")
    expect(desk.locator("desk-ticker tbody tr").first).to_contain_text("Match result")
    desk.get_by_label("Only bets on").fill("")
    # Too many decimals for the currency are no amount.
    page.locator(".price:not(:disabled)").nth(1).click()
    page.locator("#stake").fill(stake_text + ("5" if "." in stake_text else ".5"))
    expect(page.locator("gs-slip button.primary")).to_be_disabled()
    assert violations(page) == [] and page.problems == []


def test_a_bet_has_the_rate_to_the_licences_currency(make_server):
    server = make_server("--currency", "JPY", "--match-seconds", "600", "--seed", "3", "--fx-rate", "0.0061")
    cookie = server.sign_in()
    market = server.open_market()
    wanted = bet(market, new_id(), 500)
    wanted["stake"] = {"amount": 500, "currency": "JPY"}
    number = server.call("POST", "/api/v1/bets", wanted, cookie)[1]["bet"]["id"]
    told = subprocess.run([BINARY, "replay", "bet", number, "--data", server.directory], capture_output=True, text=True, timeout=30)
    assert "rate to the licence's currency" in told.stdout and "0.0061" in told.stdout, told.stdout + told.stderr
    refused = subprocess.run([BINARY, "serve", "--data", server.directory.parent / "other", "--listen", "127.0.0.1:0", "--desk-listen", "127.0.0.1:0", "--fx-rate", "0"], capture_output=True, text=True, timeout=30)
    assert refused.returncode != 0 and "fx-rate must be a decimal above zero" in refused.stderr
