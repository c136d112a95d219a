"""Money that knows more than the prices: from the journal by command, and at the desk while it comes."""

import json
import subprocess

import pytest
from conftest import bet, BINARY, new_id
from playwright.sync_api import expect
from test_browser import SIZES, browser, page_of, violations  # noqa: F401
from test_house import make
from test_trading import asking, desk_of, people, wait_for


def test_whose_money_knows_more_than_the_prices_is_told_from_the_journal(make_server):
    server = make_server("--feed", "none")
    supervisor, trader, viewer = [asking(server, cookie) for cookie in people(server)]
    seen = lambda ask: ask("GET", "/integrity")[1]
    (_, honest), (_, crooked) = make(trader, 1), make(trader, 2)
    shown = lambda market: server.call("GET", f"/api/v1/markets/{market}")[1]["market"]
    customers = [server.sign_in() for _ in range(8)]

    def place(market, selection, stake, who):
        answer = server.call("POST", "/api/v1/bets", bet(shown(market), new_id(), stake, selection), customers[who])
        assert answer[1]["bet"]["status"] == "open", answer

    def ask(*more):
        told = subprocess.run([BINARY, "journal", "integrity", server.directory, *more], capture_output=True, text=True)
        return told.returncode, [line.split("\t") for line in told.stdout.splitlines()], told.stderr

    # Prices 3.00 and 1.50: a third of the money on the first looks as it should.
    for who in range(8):
        place(honest, 0, 7_000, who)
        place(honest, 1, 14_000, who)
    for who in range(7):
        place(crooked, 0, 7_200, who)
    wait_for(lambda: seen(viewer)["asOf"] > 40)
    assert seen(viewer)["alerts"] == []
    code, (head, *alerts), said = ask()
    assert code == 0 and alerts == [] and "23 bets on 2 markets looked at; alerts: 0" in said
    # The eighth bet is the one that is enough; the server is still running.
    place(crooked, 0, 7_200, 7)
    code, (head, *alerts), said = ask()
    assert "24 bets on 2 markets looked at; alerts: 1" in said and len(alerts) == 1, said
    alert = dict(zip(head, alerts[0]))
    assert (alert["market"], alert["match"], alert["name"], alert["selection"], alert["money"]) == (crooked, "Ada 2 v Bea", "Winner", "Ada 2", "demo")
    assert alert["signs"] == "one_sided,new_accounts" and alert["times its price"] == "3.00" and alert["first price"] == "3.00"
    assert (alert["bets"], alert["stakes"], alert["of the market's"], alert["new accounts'"]) == ("8", "57600", "57600", "57600")
    assert len(set(alert["accounts"].split(","))) == 8
    # The desk sees it as it happens, and the log has no account in it.
    wait_for(lambda: len(seen(viewer)["alerts"]) == 1)
    shown_alert = seen(viewer)["alerts"][0]
    assert (shown_alert["market"], shown_alert["fixture"], shown_alert["name"], shown_alert["selection"]) == (crooked, "Ada 2 v Bea", "Winner", "Ada 2")
    assert shown_alert["signs"] == ["one_sided", "new_accounts"] and (shown_alert["bets"], shown_alert["stakes"], shown_alert["marketStakes"]) == (8, 57600, 57600)
    assert shown_alert["accountCount"] == 8 and ",".join(shown_alert["accounts"]) == alert["accounts"] and shown_alert["weight"] == 3000
    assert viewer("GET", "/integrity?limit=0")[0] == 400
    logged = [json.loads(line) for line in server.output().splitlines() if "integrity_alert" in line]
    assert [(line["level"], line["market"], line["selection"], line["money"], line["signs"]) for line in logged] == [("warning", crooked, "0", "demo", "one_sided,new_accounts")]
    # Every bet on one market; no alert of another one.
    code, told, _ = ask("--market", honest)
    at = told.index([""])
    assert told[0] == head and at == 1 and told[2][:4] == ["record", "time", "bet", "account"] and len(told) == 3 + 16
    assert {(line[5], line[6], line[7]) for line in told[3:]} == {("Ada 1", "3.00", "7000"), ("Bea", "1.50", "14000")}
    # What is looked at can be said otherwise.
    assert ask("--times", "5")[1] == [head] and ask("--accounts", "9")[1] == [head] and ask("--window", "1", "--stakes", "57601")[1] == [head]
    for wrong, words in ((["--market", "7"], "No bet was taken on market 7"), (["--window", "0"], "--window is from 1"), (["--times", "x"], "whole number")):
        code, told, said = ask(*wrong)
        assert code != 0 and told == [] and words in said
    assert server.stop() == 0
    assert ask()[1] == [head, list(alert.values())]
    # After a start it is seen again, and not said again.
    server.start()
    viewer = asking(server, people(server)[2])
    wait_for(lambda: seen(viewer)["alerts"] == [shown_alert])
    assert "integrity_alert" not in server.output()
    # From a snapshot on, too: nothing from before it is known of the bets, and nobody is blamed twice.
    assert "failure" not in seen(viewer)


@pytest.mark.parametrize("size", SIZES)
def test_the_desk_shows_whose_money_it_is(make_server, page_of, size):
    server = make_server("--feed", "none")
    # The first code is for the page.
    signed_in = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[1]}, base=server.desk)[2]
    _, market = make(asking(server, signed_in["Set-Cookie"].split(";")[0]), 1)
    desk = desk_of(server, page_of, size)
    panel = desk.locator("desk-integrity")
    expect(panel).to_contain_text("No selection has more money on it than its price speaks for.")
    shown = server.call("GET", f"/api/v1/markets/{market}")[1]["market"]
    for _ in range(9):
        assert server.call("POST", "/api/v1/bets", bet(shown, new_id(), 7_200, 0), server.sign_in())[1]["bet"]["status"] == "open"
    row = panel.locator("tbody tr")
    expect(row).to_have_count(1, timeout=15_000)
    for words in ("Ada 1 v Bea: Winner, Ada 1", "one-sided, new accounts (demo money)", "648.00", "3.00 to 3.00", "and 3 more"):
        expect(row).to_contain_text(words)
    row.get_by_role("button", name="Customer").first.click()
    expect(desk.locator("desk-customer")).to_contain_text("72.00")
    assert violations(desk) == []
    panel.scroll_into_view_if_needed()
    desk.screenshot(path=f"/tmp/integrity-{size}.png", full_page=True)
    assert desk.problems == []
