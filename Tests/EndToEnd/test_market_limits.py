"""What a market takes: moved at the desk, shut by itself, and a whole match shut at once."""

import time

import pytest
from conftest import bet, new_id
from playwright.sync_api import expect
from test_browser import SIZES, browser, page_of, violations  # noqa: F401
from test_stakes import operator_of

OPTIONS = ("--match-seconds", "600", "--seed", "3")


def test_a_market_shuts_itself_and_opens_when_its_limits_move(make_server):
    server = make_server(*OPTIONS, "--suspend-at", "500000")
    operator, cookie = operator_of(server), server.sign_in()
    market = server.open_market()
    ask = lambda method, body=None, what="limits", headers=None: server.call(method, f"/api/v1/markets/{market['id']}/{what}", body, operator, base=server.desk, headers=headers)
    status, limits, fields = ask("GET")
    assert (status, limits["suspendAt"], limits["floor"], limits["mostMove"]) == (200, 500000, 0, 0)
    assert ask("PUT", {"suspendAt": 300, "reason": "big match"})[0] == 200
    assert ask("PUT", {"suspendAt": 400, "reason": "late"}, headers={"If-Match": '"limits-0"'})[1]["code"] == "changed_since"
    for wrong in ({"suspendAt": 300}, {"suspendAt": -1, "reason": "x"}, {"mostMove": 10001, "reason": "x"}, {"suspendAt": "all", "reason": "x"}):
        assert ask("PUT", wrong)[0] == 400, wrong
    assert server.call("POST", "/api/v1/bets", {**bet(market, new_id(), 1000), "priceRule": "any"}, cookie)[0] in (201, 202)
    until = time.monotonic() + 10
    while ask("GET", what="state")[1]["reasons"] != ["exposure"]:
        assert time.monotonic() < until, ask("GET", what="state")
        time.sleep(0.05)
    refused = server.call("POST", "/api/v1/bets", {**bet(market, new_id(), 1000), "priceRule": "any"}, cookie)[1]["bet"]
    assert refused["refusal"]["code"] == "market_suspended" and "exposure" in refused["refusal"]["value"]
    shown = server.call("GET", f"/api/v1/markets/{market['id']}")[1]
    assert "exposure" in str(shown)
    assert ask("PUT", {"suspendAt": 0, "reason": "looked at"})[0] == 200
    assert ask("GET", what="state")[1]["open"]
    assert server.call("POST", "/api/v1/audit", None, operator, base=server.desk)[1]["problems"] == []


def test_a_match_is_shut_and_opened_at_once(make_server):
    server = make_server(*OPTIONS)
    operator = operator_of(server)
    market = server.open_market()
    fixture = market["fixture"]
    ask = lambda path, body=None: server.call("POST", path, body or {}, operator, base=server.desk)
    state = lambda: server.call("GET", f"/api/v1/markets/{market['id']}/state", None, operator, base=server.desk)[1]
    assert ask(f"/api/v1/fixtures/{fixture}/suspend", {"reason": "pitch"})[0] == 200
    assert "trader" in state()["reasons"]
    assert ask(f"/api/v1/fixtures/{fixture}/resume")[0] == 200
    assert "trader" not in state()["reasons"]
    assert ask("/api/v1/fixtures/999999/suspend")[1]["code"] == "fixture_unknown"


@pytest.mark.parametrize("size", SIZES)
def test_a_trader_moves_limits_on_the_desk(make_server, page_of, size):
    server = make_server(*OPTIONS)
    desk = page_of(server.desk, size)
    desk.get_by_label("One-time code").fill(server.codes()[0])
    desk.get_by_role("button", name="Sign in").click()
    expect(desk.locator("desk-markets tbody tr").first).to_be_visible()
    match, name = desk.locator("desk-markets tbody tr").first.locator("td").all_inner_texts()[:2]
    row = desk.locator("desk-markets tbody tr").filter(has_text=match.strip()).filter(has_text=name.strip()).first
    row.get_by_role("button", name="Limits…").click()
    dialog = desk.locator("dialog")
    expect(dialog).to_be_visible()
    dialog.locator("#limit-suspendAt").fill("250.00")
    dialog.locator("#limit-reason").fill("big match")
    assert violations(desk) == []
    desk.screenshot(path=f"/tmp/limits-{size}.png")
    dialog.get_by_role("button", name="Set").click()
    expect(dialog).to_have_count(0)
    row.get_by_role("button", name="Limits…").click()
    expect(desk.locator("dialog #limit-suspendAt")).to_have_value("250.00")
    desk.locator("dialog #limit-reason").fill("pitch")
    desk.get_by_role("button", name="Suspend the match").click()
    expect(desk.locator("dialog")).to_have_count(0)
    expect(row).to_contain_text("trader")
    assert desk.problems == []
