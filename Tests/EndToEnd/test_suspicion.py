"""Bets at a price that was an error: listed, made void by two people, told to their customers."""

import json
import subprocess

import pytest
from conftest import BINARY, bet, new_id
from playwright.sync_api import expect
from test_browser import SIZES, browser, page_of, violations  # noqa: F401
from test_cash_out import match, serve, until
from test_trading import asking, desk_of, people


def test_an_error_is_listed_and_two_people_make_its_bet_void(make_server, tmp_path):
    server = serve(make_server, match(tmp_path / "match.jsonl", 3000))
    first, second, viewer = [asking(server, cookie) for cookie in people(server)]
    cookie = server.sign_in()
    market = server.open_market()
    place = lambda selection: server.call("POST", "/api/v1/bets", bet(market, new_id(), 1000, selection), cookie)[1]["bet"]
    wrong, right = place(0), place(1)
    assert wrong["status"] == right["status"] == "open"
    assert viewer("GET", "/suspects")[1]["bets"] == []
    # The feed turns its prices round: three for what it now says is even money and a half.
    page = until(lambda: (found := viewer("GET", "/suspects")[1])["bets"] and found)
    assert [b["bet"] for b in page["bets"]] == [wrong["id"]]
    one = page["bets"][0]
    assert one["reference"] == 1500 and one["selection"] == "Ada" and one["status"] == "open" and not one["void"] and one["pricedBy"] is None
    assert page["counts"] == [{"pricedBy": None, "bets": 1, "void": 0, "staked": 1000}]
    assert viewer("GET", "/suspects?limit=0")[0] == 400
    path = f"/bets/{wrong['id']}/voids"
    assert viewer("POST", path, {"reason": "x"})[1]["code"] == "role_missing"
    assert second("POST", path, {})[1]["code"] == "malformed"
    assert second("POST", "/bets/1/voids", {"reason": "x"})[1]["code"] == "bet_unknown"
    assert second("POST", "/bets/x/voids", {"reason": "x"})[1]["code"] == "bet_unknown"
    assert second("POST", path, {"reason": "x", "takenBack": True})[1]["code"] == "no_change"
    proposal = second("POST", path, {"reason": "sides mixed up", "evidence": "case 17"})[1]["proposal"]
    assert second("POST", f"/proposals/{proposal}/approve", None, key=new_id())[1]["code"] == "same_operator"
    assert first("POST", f"/proposals/{proposal}/approve", None, key=new_id())[0] == 200
    known = lambda: server.call("GET", f"/api/v1/bets/{wrong['id']}", cookie=cookie)[1]["bet"]
    until(lambda: known()["status"] == "settled")
    assert known()["payout"] == 1000 and known()["reason"] == "voided_by_operators"
    why = server.call("GET", f"/api/v1/bets/{wrong['id']}/explanation", cookie=cookie)[1]
    assert why["legs"][0]["why"] == ["The house made this bet void: its stake goes back."] and why["comesTo"] == "1000"
    page = until(lambda: (found := viewer("GET", "/suspects")[1])["bets"][0]["void"] and found)
    assert page["counts"][0]["void"] == 1
    trail = viewer("GET", "/trail?action=propose")[1]["actions"][0]
    assert trail["detail"] == f"void bet {wrong['id']}; written in case 17" and trail["operator"] == 2 and trail["reason"] == "sides mixed up"
    back = first("POST", path, {"reason": "the customer is right", "takenBack": True})[1]["proposal"]
    assert second("POST", f"/proposals/{back}/approve", None, key=new_id())[0] == 200
    until(lambda: known()["status"] == "open")
    assert "reason" not in known()
    assert first("POST", "/audit")[1]["problems"] == []
    server.stop()
    told = subprocess.run([BINARY, "replay", "bet", wrong["id"], "--data", server.directory], capture_output=True, text=True, check=True).stdout
    assert "looked like an error afterwards" in told and "that this bet is void" in told and "2 proposed, 1 approved" in told
    server.start()
    assert not asking(server, people(server)[2])("GET", "/suspects")[1]["bets"][0]["void"]


@pytest.mark.parametrize("size", SIZES)
def test_the_desk_lists_errors_and_makes_them_void(make_server, page_of, tmp_path, size):
    # Late enough that both pages are open and the bet is placed on the slowest of machines.
    server = serve(make_server, match(tmp_path / "match.jsonl", 15_000))
    desk = desk_of(server, page_of, size)
    page = page_of(server.origin, size)
    page.get_by_role("button", name="Open a demo account").click()
    card = page.locator("gs-card").first
    card.locator(".price:not(:disabled)").first.click()
    page.locator("gs-slip button.primary").click()
    mine = page.locator("gs-mine .bet").first
    expect(mine).to_contain_text("open", timeout=10_000)
    row = desk.locator("desk-suspects tbody tr")
    expect(row).to_have_count(1, timeout=30_000)
    expect(row).to_contain_text("Ada v Bea: Winner, Ada")
    number = row.locator("td").nth(1).inner_text()
    row.get_by_role("button", name=f"Void bet {number}").click()
    desk.locator("#reason").fill("sides mixed up")
    desk.get_by_label("Where it is written").fill("case 17")
    assert violations(desk) == []
    desk.screenshot(path=f"/tmp/void-{size}.png")
    desk.get_by_role("button", name="Propose").click()
    expect(desk.locator("desk-proposals")).to_contain_text(f"bet {number} void (sides mixed up; case 17)")
    signed = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[1]}, base=server.desk)[2]
    other = asking(server, signed["Set-Cookie"].split(";")[0])
    proposal = other("GET", "/trail?action=propose")[1]["actions"][0]["record"]
    assert other("POST", f"/proposals/{proposal}/approve", None, key=new_id())[0] == 200
    expect(row).to_contain_text("void", timeout=20_000)
    desk.locator("desk-suspects").screenshot(path=f"/tmp/suspects-{size}.png")
    assert violations(desk) == [] and desk.problems == []
    expect(mine).to_contain_text("We have made this bet void", timeout=10_000)
    page.reload()
    expect(mine).to_contain_text("We have made this bet void", timeout=10_000)
    assert violations(page) == []
    page.screenshot(path=f"/tmp/void-told-{size}.png")
    assert page.problems == []
