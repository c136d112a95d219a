"""A trader's hand: prices held, margins, matches nobody feeds, channels and customers stopped, who may what, and the trail of it."""

import time

import pytest
from conftest import bet, new_id
from playwright.sync_api import expect
from test_browser import SIZES, browser, page_of, violations  # noqa: F401

OPTIONS = ("--match-seconds", "600", "--seed", "3")


def people(server):
    sign_in = lambda code: server.call("POST", "/api/v1/sign-in", {"code": code}, base=server.desk)
    return [sign_in(code)[2]["Set-Cookie"].split(";")[0] for code in server.codes()]


def asking(server, cookie):
    def ask(method, path, body=None, headers=None, key=None):
        fields = {**(headers or {}), **({"Idempotency-Key": f'"{key}"'} if key else {})}
        return server.call(method, "/api/v1" + path, body, cookie, base=server.desk, headers=fields)

    return ask


def wait_for(what, seconds=10):
    until = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_price_that_is_held_is_what_everybody_sees_until_it_is_lifted(make_server):
    server = make_server(*OPTIONS)
    ask = asking(server, people(server)[1])
    cookie = server.sign_in()
    market = server.open_market()
    path = f"/markets/{market['id']}/pricing"
    status, pricing, fields = ask("GET", path)
    assert status == 200 and pricing["margin"] is None and not pricing["byHand"]
    count = len(pricing["selections"])
    nothing = [None] * count
    # Far below what its feed offers: nobody's error, and ours alone.
    held = [[101, 100]] + nothing[1:]
    for wrong in ({"held": held}, {"held": held[:-1], "reason": "x"}, {"held": [[1, 1]] + nothing[1:], "reason": "x"}, {"held": held, "margin": 10001, "reason": "x"},
                  {"held": [[0, 1]] + nothing[1:], "reason": "x"}, {"held": "all", "reason": "x"}):
        assert ask("PUT", path, wrong)[0] in (400, 422), wrong
    assert ask("PUT", path, {"held": held, "reason": "late news"}, {"If-Match": fields["ETag"]})[0] == 200
    assert ask("PUT", path, {"held": nothing, "reason": "late"}, {"If-Match": fields["ETag"]})[1]["code"] == "changed_since"
    assert ask("PUT", path, {"held": [[500, 1]] + nothing[1:], "reason": "typo"})[1]["code"] == "palpable"
    seen = lambda: server.call("GET", f"/api/v1/markets/{market['id']}")[1]["market"]["selections"][0]["odds"]
    wait_for(lambda: seen() == [101, 100])
    taken = server.call("POST", "/api/v1/bets", {**bet(market, new_id(), 1000), "priceRule": "any"}, cookie)[1]["bet"]
    assert taken["status"] in ("open", "pending"), taken
    assert ask("GET", path)[1]["selections"][0]["held"] == [101, 100]
    assert ask("PUT", path, {"held": nothing, "margin": 0, "reason": "a fair book"})[0] == 200
    wait_for(lambda: seen() != [101, 100])
    assert ask("PUT", path, {"held": nothing, "reason": "as it was"})[0] == 200
    assert ask("PUT", path, {"held": nothing, "reason": "as it was"})[1]["code"] == "no_change"
    supervisor = asking(server, None)
    assert supervisor("GET", path)[0] == 401


def test_who_may_what_is_checked_and_what_was_done_is_in_the_trail(make_server):
    server = make_server(*OPTIONS)
    supervisor, trader, viewer = [asking(server, cookie) for cookie in people(server)]
    customer = server.call("GET", "/api/v1/account", cookie=server.sign_in())[1]["account"]
    market = server.open_market()["id"]
    for ask, path, body, allowed in [
        (viewer, f"/markets/{market}/suspend", {"reason": "x"}, False), (trader, f"/markets/{market}/suspend", {"reason": "a fault"}, True),
        (viewer, f"/accounts/{customer}/trust", {"stakeFactor": 500, "delay": 0, "reason": "x"}, False), (viewer, "/audit", None, False), (trader, "/audit", None, False),
    ]:
        status, answer, _ = ask("PUT" if "trust" in path else "POST", path, body)
        assert (status == 200) == allowed, answer
        assert allowed or answer["code"] == "role_missing" and status == 403
    assert supervisor("PUT", f"/accounts/{customer}/trust", {"stakeFactor": 500, "delay": 0, "shut": True, "reason": "a complaint", "notice": "You complained."})[0] == 200
    assert viewer("GET", f"/accounts/{customer}/trust")[1]["shut"] is True
    assert supervisor("PUT", f"/accounts/{customer}/trust", {"stakeFactor": 500, "delay": 0, "reason": "again"})[1]["code"] == "no_change"
    wait_for(lambda: len(viewer("GET", "/trail")[1]["actions"]) >= 6)
    page = viewer("GET", "/trail?limit=2")[1]
    assert page["actions"][0]["refused"] == "no_change" and page["actions"][1]["detail"].endswith("stops its bets")
    assert [a["account"] for a in page["actions"]] == [customer, customer]
    rest = viewer("GET", f"/trail?before={page['next']}")[1]["actions"]
    assert [a["action"] for a in rest] == ["market_state", "session", "session", "session"]
    assert (rest[0]["market"], rest[0]["operator"], rest[0]["reason"], rest[0]["detail"]) == (market, 2, "a fault", "suspends the market")
    assert {a["detail"] for a in rest[1:]} == {"signs in as supervisor", "signs in as trader", "signs in as viewer"}
    assert {a["operator"] for a in viewer("GET", "/trail?operator=1")[1]["actions"]} == {1}
    assert viewer("GET", "/trail?operator=x")[0] == 400
    server.stop()
    server.start()
    after = asking(server, people(server)[2])
    assert [a["record"] for a in after("GET", "/trail?limit=100")[1]["actions"]][-6:] == [a["record"] for a in page["actions"] + rest]


def test_a_match_that_nobody_feeds_is_made_priced_opened_bet_on_and_settled(make_server):
    server = make_server("--feed", "none")
    first, second = [asking(server, cookie) for cookie in people(server)[:2]]
    cookie = server.sign_in()
    match = {"sport": "tennis", "competition": "Club night", "home": "Ada", "away": "Bea", "scheduled": "2030-01-01T10:00:00Z", "reason": "asked for"}
    key = new_id()
    status, made, _ = second("POST", "/fixtures", match, key=key)
    assert status == 200 and not made["repeated"]
    again = second("POST", "/fixtures", match, key=key)[1]
    assert again["repeated"] and again["fixture"] == made["fixture"]
    for wrong in ({**match, "sport": "chess"}, {**match, "home": ""}, {**match, "scheduled": "noon"}, {**match, "away": "x" * 49}):
        assert second("POST", "/fixtures", wrong, key=new_id())[0] in (400, 422), wrong
    body = {"kind": "match_odds", "name": "Winner", "selections": ["Ada", "Bea"], "maximumStake": 5000, "liabilityLimit": 100000, "reason": "asked for"}
    for wrong in ({**body, "selections": ["Ada"]}, {**body, "winners": 2}, {**body, "kind": "corners"}, {**body, "selections": ["Ada", ""]}):
        assert second("POST", f"/fixtures/{made['fixture']}/markets", wrong, key=new_id())[0] in (400, 409, 422), wrong
    status, market, _ = second("POST", f"/fixtures/{made['fixture']}/markets", body, key=new_id())
    assert status == 200, market
    one = f"/markets/{market['market']}"
    assert second("GET", one + "/state")[1]["reasons"] == ["feed", "trader"]
    assert second("PUT", one + "/pricing", {"held": [[3, 2], [13, 5]], "reason": "my book"})[0] == 200
    assert second("POST", one + "/resume", {"reason": "open"})[0] == 200
    shown = server.call("GET", f"/api/v1/fixtures/{made['fixture']}")[1]
    assert [s["odds"] for s in shown["markets"][0]["selections"]] == [[3, 2], [13, 5]]
    placed = server.call("POST", "/api/v1/bets", bet(shown["markets"][0], new_id(), 1000), cookie)[1]["bet"]
    assert placed["status"] == "open", placed
    assert second("PUT", f"/fixtures/{made['fixture']}/state", {"status": "live", "inPlay": True, "score": [1, 0], "reason": "seen"})[0] == 200
    assert server.call("GET", f"/api/v1/fixtures/{made['fixture']}")[1]["fixture"]["score"] == [1, 0]
    server.stop()
    server.start()
    first, second = [asking(server, c) for c in people(server)[:2]]
    assert second("GET", one + "/state")[1]["reasons"] == ["recovery"]
    # Nobody else can say that it is as it was.
    assert second("POST", one + "/resume", {"reason": "looked at"})[0] == 200
    assert second("GET", one + "/state")[1]["open"]
    proposal = first("POST", one + "/results", {"results": ["won", "lost"], "reason": "seen"})[1]["proposal"]
    assert second("POST", f"/proposals/{proposal}/approve", None, key=new_id())[0] == 200
    wait_for(lambda: server.call("GET", f"/api/v1/bets/{placed['id']}", cookie=cookie)[1]["bet"]["status"] == "settled")
    assert server.call("GET", f"/api/v1/bets/{placed['id']}", cookie=cookie)[1]["bet"]["payout"] == 1500
    assert first("POST", "/audit")[1]["problems"] == []


def test_a_channel_is_stopped_and_the_others_go_on(make_server):
    server = make_server(*OPTIONS)
    supervisor, trader, viewer = [asking(server, cookie) for cookie in people(server)]
    cookie = server.sign_in()
    market = server.open_market()
    place = lambda: server.call("POST", "/api/v1/bets", {**bet(market, new_id(), 100), "priceRule": "any"}, cookie)[1]["bet"]
    assert viewer("PUT", "/channels/web", {"open": False, "reason": "x"})[1]["code"] == "role_missing"
    assert supervisor("PUT", "/channels/web", {"open": False, "reason": "a fault on the page"})[0] == 200
    assert {c["channel"]: c["open"] for c in trader("GET", "/channels")[1]["channels"]} == {"unknown": True, "web": False, "api": True}
    assert place()["refusal"]["code"] == "channel_shut"
    assert supervisor("PUT", "/channels/fax", {"open": False, "reason": "x"})[1]["code"] == "channel_unknown"
    assert supervisor("PUT", "/channels/web", {"open": False, "reason": "again"})[1]["code"] == "no_change"
    server.stop()
    server.start()
    supervisor = asking(server, people(server)[0])
    assert not next(c for c in supervisor("GET", "/channels")[1]["channels"] if c["channel"] == "web")["open"]
    assert supervisor("PUT", "/channels/web", {"open": True, "reason": "mended"})[0] == 200


def desk_of(server, page_of, size, who=0):
    desk = page_of(server.desk, size)
    desk.get_by_label("One-time code").fill(server.codes()[who])
    desk.get_by_role("button", name="Sign in").click()
    return desk


@pytest.mark.parametrize("size", SIZES)
def test_a_trader_works_the_ladder_from_the_keyboard(make_server, page_of, size):
    server = make_server(*OPTIONS)
    server.open_market()
    desk = desk_of(server, page_of, size)
    rows = desk.locator("desk-markets tbody tr")
    expect(rows.first).to_be_visible()
    desk.get_by_label("Only markets that are").select_option("open")
    name = rows.first.locator("td").first.inner_text()
    rows.first.focus()
    desk.keyboard.press("p")
    dialog = desk.locator("dialog")
    expect(dialog).to_be_visible()
    first = dialog.locator("#held-0")
    expect(first).to_be_focused()
    # Two rungs below what is offered.
    desk.keyboard.press("ArrowDown")
    one = first.input_value()
    desk.keyboard.press("ArrowDown")
    assert float(first.input_value()) < float(one)
    dialog.locator("#prices-margin").fill("3")
    dialog.locator("#prices-reason").fill("late news")
    assert violations(desk) == []
    desk.screenshot(path=f"/tmp/ladder-{size}.png")
    desk.keyboard.press("Enter")
    expect(dialog).to_have_count(0)
    desk.get_by_label("Only markets that are").select_option("hand")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("3.0 %")
    expect(rows.first.locator(".selections .held")).to_have_count(1)
    desk.get_by_role("button", name="Search").click()
    expect(desk.locator("desk-trail tbody tr").first).to_contain_text("pricing")
    desk.keyboard.press("Tab")
    desk.locator("body").press("?")
    expect(desk.locator("dialog")).to_contain_text("suspend everything")
    assert violations(desk) == []
    desk.get_by_role("button", name="Close").click()
    desk.screenshot(path=f"/tmp/desk-{size}.png", full_page=True)
    assert name and desk.problems == []


@pytest.mark.parametrize("size", SIZES)
def test_a_match_is_made_on_the_desk(make_server, page_of, size):
    server = make_server("--feed", "none")
    desk = desk_of(server, page_of, size)
    desk.get_by_role("button", name="New match…").click()
    dialog = desk.locator("dialog")
    for label, text in {"Home": "Ada", "Away": "Bea", "Market": "Winner", "Reason": "asked for"}.items():
        dialog.get_by_label(label, exact=True).fill(text)
    dialog.locator("#make-lines").fill("Ada 1.50\nBea")
    dialog.get_by_role("button", name="Make").click()
    expect(dialog.get_by_role("alert")).to_contain_text("one a line")
    dialog.locator("#make-lines").fill("Ada 1.50\nBea 2.60")
    assert violations(desk) == []
    desk.screenshot(path=f"/tmp/making-{size}.png")
    dialog.get_by_role("button", name="Make").click()
    expect(dialog).to_have_count(0)
    row = desk.locator("desk-markets tbody tr").first
    expect(row).to_contain_text("Ada v Bea")
    row.get_by_role("button", name="Resume").click()
    expect(row).to_contain_text("open")
    row.get_by_role("button", name="Match…").click()
    desk.locator("#match-status").select_option("live")
    desk.get_by_label("In play").check()
    desk.locator("#match-score-0").fill("1")
    desk.locator("#match-score-1").fill("0")
    desk.locator("#match-reason").fill("seen")
    assert violations(desk) == []
    desk.get_by_role("button", name="Tell").click()
    expect(row).to_contain_text("1–0")
    assert desk.problems == []


@pytest.mark.parametrize("size", SIZES)
def test_of_who_scores_anybody_may_win(make_server, page_of, size):
    server = make_server("--feed", "none")
    desk = desk_of(server, page_of, size)
    desk.get_by_role("button", name="New match…").click()
    dialog = desk.locator("dialog")
    for label, text in {"Home": "Ada", "Away": "Bea", "Market": "Who scores", "Reason": "asked for"}.items():
        dialog.get_by_label(label, exact=True).fill(text)
    dialog.locator("#make-kind").select_option("other")
    dialog.locator("#make-lines").fill("Ann 2.00\nBen 1.80\nCem 3.00")
    dialog.get_by_label("How many of them win").select_option("0")
    dialog.get_by_role("button", name="Make").click()
    expect(dialog).to_have_count(0)
    row = desk.locator("desk-markets tbody tr").first
    row.get_by_role("button", name="Resume").click()
    expect(row).to_contain_text("open")
    market, cookie = server.open_market(), server.sign_in()
    assert market["winners"] == 0
    for selection in range(3):
        status, answer, _ = server.call("POST", "/api/v1/bets", bet(market, new_id(), 1000, selection=selection), cookie)
        assert status == 201, answer
    # All of them may score: 68.00 for 30.00.
    expect(row).to_contain_text("38.00")
    row.get_by_role("button", name="What if…").click()
    expect(dialog).to_contain_text("If this alone wins")
    expect(dialog).to_contain_text("worst loss 38.00")
    expect(dialog).not_to_contain_text("null")
    assert violations(desk) == []
    desk.screenshot(path=f"/tmp/each-alone-{size}.png")
    dialog.get_by_role("button", name="Close").click()
    row.get_by_role("button", name="Settle…").click()
    for index, word in enumerate(["won", "dead_heat", "dead_heat"]):
        desk.locator(f"#result-{index}").select_option(word)
    # One win is shared by two of them, and nobody came in anywhere.
    expect(dialog.get_by_label("Cem: wins shared")).to_have_value("1")
    expect(dialog.get_by_label("Cem: together")).to_have_value("2")
    dialog.get_by_label("Reason").fill("seen")
    dialog.get_by_role("button", name="Propose").click()
    expect(dialog).to_have_count(0)
    expect(desk.locator("desk-proposals")).to_contain_text("Ann won, Ben dead heat, Cem dead heat")
    other = desk_of(server, page_of, size, who=1)
    other.get_by_role("button", name="Approve").click()
    wait_for(lambda: server.call("GET", "/api/v1/account", cookie=cookie)[1]["balances"]["openBets"] == 0)
    # 20.00, half of 18.00 and half of 30.00.
    balances = server.call("GET", "/api/v1/account", cookie=cookie)[1]["balances"]
    assert balances["cash"] == 100_000 - 3000 + 2000 + 900 + 1500
    assert desk.problems == []


def test_a_desk_that_nobody_sits_at_shows_nothing(make_server, page_of):
    server = make_server(*OPTIONS)
    server.open_market()
    desk = desk_of(server, page_of, "desktop")
    expect(desk.locator("desk-markets tbody tr").first).to_be_visible()
    desk.get_by_role("button", name="House…").click()
    cookie = "; ".join(f"{c['name']}={c['value']}" for c in desk.context.cookies())
    assert server.call("DELETE", "/api/v1/session", cookie=cookie, base=server.desk)[0] in (200, 204)
    expect(desk.get_by_label("One-time code")).to_be_visible()
    for shown in ("desk-markets", "desk-proposals", "desk-ticker", "dialog"):
        expect(desk.locator(shown).first).not_to_be_visible()


def test_who_only_looks_sees_no_buttons_that_do_something(make_server, page_of):
    server = make_server(*OPTIONS)
    server.open_market()
    desk = desk_of(server, page_of, "desktop", who=2)
    expect(desk.locator("desk-markets tbody tr").first).to_be_visible()
    expect(desk.locator("desk-person")).to_contain_text("viewer")
    expect(desk.get_by_role("button", name="Suspend all")).to_have_count(0)
    expect(desk.locator("desk-markets").get_by_role("button", name="Prices…")).to_have_count(0)
    expect(desk.locator("desk-markets").get_by_role("button", name="What if…").first).to_be_visible()
    assert violations(desk) == []


@pytest.mark.parametrize("size", SIZES)
def test_two_people_settle_a_dead_heat_of_any_market(make_server, page_of, size):
    server = make_server("--feed", "none")
    # The first code is for the page.
    signed_in = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[1]}, base=server.desk)[2]
    other = asking(server, signed_in["Set-Cookie"].split(";")[0])
    match = {"sport": "football", "competition": "Cup", "home": "Ada", "away": "Bea", "scheduled": "2030-01-01T10:00:00Z", "reason": "asked for"}
    fixture = other("POST", "/fixtures", match, key=new_id())[1]["fixture"]
    made = {"kind": "other", "name": "Top scorer", "selections": ["Ada", "Bea", "Cleo"], "maximumStake": 500_000, "liabilityLimit": 100_000_000, "reason": "asked for"}
    market = other("POST", f"/fixtures/{fixture}/markets", made, key=new_id())[1]["market"]
    assert other("PUT", f"/markets/{market}/pricing", {"held": [[3, 1], [3, 1], [3, 1]], "reason": "my book"})[0] == 200
    assert other("POST", f"/markets/{market}/resume", {"reason": "open"})[0] == 200
    cookie = server.sign_in()
    shown = server.call("GET", f"/api/v1/markets/{market}")[1]["market"]
    assert server.call("POST", "/api/v1/bets", bet(shown, new_id(), 1000, 0), cookie)[1]["bet"]["status"] == "open"
    desk = desk_of(server, page_of, size)
    row = desk.locator("desk-markets tbody tr")
    row.get_by_role("button", name="Settle").click()
    expect(desk.get_by_label("Ada: came in")).to_be_hidden()
    desk.get_by_label("Ada", exact=True).select_option("dead_heat")
    desk.get_by_label("Bea", exact=True).select_option("dead_heat")
    desk.get_by_label("Cleo", exact=True).select_option("lost")
    expect(desk.get_by_label("Ada: came in")).to_have_value("1")
    expect(desk.get_by_label("Bea: together")).to_have_value("2")
    expect(desk.get_by_label("Cleo: came in")).to_be_hidden()
    desk.locator("#reason").fill("both scored twice")
    assert violations(desk) == []
    desk.screenshot(path=f"/tmp/dead-heat-{size}.png")
    desk.get_by_role("button", name="Propose").click()
    expect(desk.locator("desk-proposals")).to_contain_text("Ada dead heat, Bea dead heat, Cleo lost")
    proposal = other("GET", "/trail?action=propose")[1]["actions"][0]["record"]
    assert other("POST", f"/proposals/{proposal}/approve", None, key=new_id())[0] == 200
    # Half of the stake at 3.00.
    wait_for(lambda: server.call("GET", "/api/v1/bets", cookie=cookie)[1]["bets"][0].get("payout") == 1500)
    # Whoever settles it again finds it as it is.
    row.get_by_role("button", name="Resettle").click()
    expect(desk.get_by_label("Ada", exact=True)).to_have_value("dead_heat")
    expect(desk.get_by_label("Ada: together")).to_have_value("2")
    assert desk.problems == []
