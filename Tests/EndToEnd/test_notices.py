"""Who is kept from what, and what customers are told: of limits with their reasons, and of bets that came to something else."""

import pytest
from conftest import bet, new_id
from playwright.sync_api import expect
from test_browser import SIZES, browser, page_of, violations  # noqa: F401
from test_house import make, settle
from test_trading import asking, desk_of, people, wait_for


def test_a_player_is_kept_from_its_sport_and_told_why(make_server):
    server = make_server("--feed", "none")
    supervisor, trader, viewer = [asking(server, cookie) for cookie in people(server)]
    cookie = server.sign_in()
    account = server.call("GET", "/api/v1/account", cookie=cookie)[1]["account"]
    fixture, _ = make(trader, 1)
    market = server.call("GET", f"/api/v1/fixtures/{fixture}")[1]["markets"][0]
    place = lambda: server.call("POST", "/api/v1/bets", bet(market, new_id(), 100), cookie)[1]["bet"]
    assert place()["status"] == "open"
    path = f"/accounts/{account}/bars"
    body = {"sport": "tennis", "barred": True, "reason": "on the players' list", "notice": "You play tennis for your living."}
    assert viewer("PUT", path, body)[1]["code"] == "role_missing"
    for wrong, status, code in [
        ({**body, "sport": "chess"}, 404, "sport_unknown"), ({**body, "fixture": fixture}, 400, "malformed"), ({**body, "notice": ""}, 422, "notice_missing"),
        ({**body, "notice": "x" * 81}, 422, "text_too_long"), ({**body, "reason": ""}, 400, "malformed"), ({k: v for k, v in body.items() if k != "barred"}, 400, "malformed"),
        ({**{k: v for k, v in body.items() if k != "sport"}, "fixture": "99"}, 404, "fixture_unknown"), ({**body, "barred": False}, 409, "no_change"),
    ]:
        answer = trader("PUT", path, wrong)
        assert (answer[0], answer[1]["code"]) == (status, code), answer
    assert trader("PUT", "/accounts/999/bars", body)[1]["code"] == "account_unknown"
    assert trader("PUT", path, body)[0] == 200
    assert viewer("GET", path)[1]["bars"] == [{"sport": "tennis"}]
    refused = place()
    assert refused["refusal"]["code"] == "barred" and refused["refusal"]["leg"] == 0
    match = {"fixture": fixture, "barred": True, "reason": "referees it", "notice": "You are its referee."}
    assert trader("PUT", path, match)[0] == 200
    assert viewer("GET", path)[1]["bars"][1] == {"fixture": fixture, "name": "Ada 1 v Bea"}
    listed = lambda: server.call("GET", "/api/v1/notices", cookie=cookie)[1]["notices"]
    wait_for(lambda: len(listed()) == 2)
    assert [(n["kind"], n["text"]) for n in listed()] == [("set_bar", "You are its referee."), ("set_bar", "You play tennis for your living.")]
    for one in (body, match):
        assert trader("PUT", path, {**one, "barred": False, "notice": ""})[0] == 200
    assert place()["status"] == "open"
    done = [a["detail"] for a in viewer("GET", f"/trail?account={account}")[1]["actions"] if not a["refused"]]
    assert done == ["no more keeps from match " + fixture, "no more keeps from tennis", "keeps from match " + fixture, "keeps from tennis"]
    # A page at a time; nobody else reads them.
    page = server.call("GET", "/api/v1/notices?limit=1", cookie=cookie)[1]
    rest = server.call("GET", f"/api/v1/notices?cursor={page['next']}", cookie=cookie)[1]
    assert page["notices"] + rest["notices"] == listed()
    other = server.sign_in()
    assert server.call("GET", "/api/v1/notices", cookie=other)[1]["notices"] == []
    assert server.call("GET", f"/api/v1/notices?cursor={page['next']}", cookie=other)[1]["code"] == "cursor_invalid"
    assert server.call("GET", "/api/v1/notices")[0] == 401


@pytest.mark.parametrize("size", SIZES)
def test_notices_of_limits_and_corrections_are_read_on_the_page(make_server, page_of, size):
    server = make_server("--feed", "none")
    supervisor, trader = [asking(server, cookie) for cookie in people(server)[:2]]
    fixture, market = make(trader, 2)
    page = page_of(server.origin, size)
    page.get_by_role("button", name="Open a demo account").first.click()
    expect(page.locator("gs-mine [role=tabpanel]")).to_contain_text("No bets yet.")
    cookie = "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())
    account = server.call("GET", "/api/v1/account", cookie=cookie)[1]["account"]
    shown = server.call("GET", f"/api/v1/fixtures/{fixture}")[1]["markets"][0]
    placed = server.call("POST", "/api/v1/bets", bet(shown, new_id(), 1000), cookie)[1]["bet"]
    assert placed["status"] == "open"
    settle(supervisor, trader, market, ["won", "lost"])
    settle(supervisor, trader, market, ["lost", "won"])
    wait_for(lambda: len(server.call("GET", "/api/v1/notices", cookie=cookie)[1]["notices"]) == 1)
    tab = page.get_by_role("tab", name="Notices (1)")
    expect(tab).to_be_visible(timeout=10_000)
    tab.click()
    panel = page.locator("gs-mine [role=tabpanel]")
    expect(panel).to_contain_text("Bet corrected")
    expect(panel).to_contain_text("30.00")
    expect(page.get_by_role("tab", name="Notices", exact=True)).to_be_visible()
    # What comes while its tab is open is read, so the next one comes while another is.
    page.get_by_role("tab", name="My bets").click()
    assert supervisor("PUT", f"/accounts/{account}/trust", {"stakeFactor": 500, "delay": 0, "reason": "late bets"})[1]["code"] == "notice_missing"
    assert supervisor("PUT", f"/accounts/{account}/trust", {"stakeFactor": 500, "delay": 0, "reason": "late bets", "notice": "Your stakes are halved: you bet late."})[0] == 200
    wait_for(lambda: len(server.call("GET", "/api/v1/notices", cookie=cookie)[1]["notices"]) == 2)
    page.reload()
    expect(page.get_by_role("tab", name="Notices (1)")).to_be_visible()
    page.get_by_role("tab", name="Notices (1)").click()
    expect(page.locator("gs-mine [role=tabpanel]")).to_contain_text("Your stakes are halved: you bet late.")
    assert violations(page) == []
    page.screenshot(path=f"/tmp/notices-{size}.png", full_page=True)
    assert page.problems == []


@pytest.mark.parametrize("size", SIZES)
def test_the_desk_keeps_somebody_from_a_match(make_server, page_of, size):
    server = make_server("--feed", "none")
    # The first code is for the page.
    signed_in = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[1]}, base=server.desk)[2]
    fixture, _ = make(asking(server, signed_in["Set-Cookie"].split(";")[0]), 3)
    account = server.call("GET", "/api/v1/account", cookie=server.sign_in())[1]["account"]
    desk = desk_of(server, page_of, size)
    panel = desk.locator("desk-customer")
    desk.locator("#customer").fill(account)
    panel.get_by_role("button", name="Look").click()
    panel.get_by_label("Keep from sport or match").fill(f"match {fixture}")
    form = panel.locator("form", has=desk.locator("#bar-scope"))
    form.get_by_label("Reason").fill("plays in it")
    form.get_by_label("The customer is told").fill("You play in it.")
    form.get_by_role("button", name="Keep").click()
    expect(panel).to_contain_text(f"May not bet on match {fixture}, Ada 3 v Bea")
    desk.screenshot(path=f"/tmp/desk-bars-{size}.png", full_page=True)
    assert violations(desk) == []
    form.get_by_label("Reason").fill("left the club")
    panel.get_by_role("button", name="Lift").click()
    expect(panel).not_to_contain_text("May not bet on match")
    assert desk.problems == []
