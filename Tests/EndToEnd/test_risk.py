"""Where the risk is: by sport and match, by who wins, by customer; by REST and at the desk."""

from conftest import bet, new_id
from playwright.sync_api import expect
from test_browser import browser, page_of, violations  # noqa: F401
from test_cash_out import match, serve, until


def test_the_desk_sees_what_may_be_lost(make_server, page_of, tmp_path):
    server = serve(make_server, match(tmp_path / "match.jsonl", 600_000))
    operator = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[0]}, base=server.desk)[2]["Set-Cookie"].split(";")[0]
    desk = lambda path: server.call("GET", f"/api/v1{path}", cookie=operator, base=server.desk)
    assert desk("/risk")[1]["fixtures"] == []
    cookie = server.sign_in()
    market = server.open_market()
    placed = server.call("POST", "/api/v1/bets", bet(market, new_id(), 10_000, 0), cookie)[1]["bet"]
    server.call("POST", "/api/v1/bets", bet(market, new_id(), 2_000, 1), cookie)
    win = placed["potentialReturn"]

    risk = desk(f"/markets/{market['id']}/risk")[1]
    assert risk["staked"] == 12_000 and risk["openLegs"] == 2
    assert risk["selections"][0]["returnsIfWon"] == win and risk["selections"][0]["result"] == 12_000 - win
    assert risk["worstLoss"] == win - 12_000
    hedge = risk["hedge"]
    assert hedge["selection"] == 0 and 12_000 - win < hedge["worst"] <= risk["selections"][1]["result"]
    all_risk = desk("/risk")[1]
    assert all_risk["promotions"] == {"bets": 0, "bonus": 0, "free": 0, "potentialReturn": 0}
    assert all_risk["sports"] == [{"sport": "tennis", "markets": 1, "staked": 12_000, "worstLoss": win - 12_000}]
    assert all_risk["fixtures"][0]["name"] == "Ada v Bea"
    account = server.call("GET", "/api/v1/account", cookie=cookie)[1]["account"]
    own = desk(f"/accounts/{account}/risk")[1]
    assert own["bets"] == 2 and own["staked"] == 12_000 and own["potentialReturn"] > win
    assert desk("/markets/999/risk")[1]["code"] == "market_unknown" and desk("/accounts/x/risk")[0] == 404
    assert server.call("GET", "/api/v1/risk", base=server.desk)[0] == 401

    page = page_of(server.desk)
    page.get_by_label("One-time code").fill(server.codes()[1])
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("desk-risk")).to_contain_text("Ada v Bea", timeout=10_000)
    page.get_by_role("button", name="What if…").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("If this wins")
    expect(dialog).to_contain_text("elsewhere for")
    assert violations(page) == []
    page.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    assert violations(page) == []
    assert page.problems == []
