"""What the house promises: said in versions, read by customers, given under the terms that hold, and told from the journal."""

import subprocess
import time

import pytest
from conftest import BINARY, new_id
from playwright.sync_api import expect
from test_browser import SIZES, browser, page_of, violations  # noqa: F401
from test_trading import asking, desk_of, people


def moment(seconds):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))


def test_what_is_promised_is_said_in_versions_and_given_by_the_terms_that_hold(make_server):
    server = make_server("--feed", "none")
    supervisor, trader, viewer = [asking(server, cookie) for cookie in people(server)]
    cookie = server.sign_in()
    account = server.call("GET", "/api/v1/account", cookie=cookie)[1]["account"]
    offered = lambda: server.call("GET", "/api/v1/promotions", cookie=cookie)[1]["promotions"]
    assert offered() == [] and server.call("GET", "/api/v1/promotions")[0] == 401
    body = {"name": "Welcome", "terms": "Stake 10.00, get 5.00.\nOnce a customer.", "until": moment(3600), "reason": "the season begins"}
    assert trader("PUT", "/promotions/7", body)[1]["code"] == "role_missing"
    assert viewer("GET", "/promotions/7")[1]["code"] == "promotion_unknown"
    for wrong, code in (({"terms": ""}, "malformed"), ({"name": "x" * 49}, "text_too_long"), ({"terms": "x" * 1025}, "text_too_long"),
                        ({"until": "tomorrow"}, "window_malformed"), ({"from": moment(7200)}, "window_malformed"), ({"reason": ""}, "malformed")):
        assert supervisor("PUT", "/promotions/7", {**body, **wrong})[1]["code"] == code, wrong
    assert supervisor("PUT", "/promotions/0", body)[1]["code"] == "promotion_unknown"
    assert supervisor("PUT", "/promotions/7", body)[0] == 200
    status, one, fields = viewer("GET", "/promotions/7")
    assert (one["version"], one["name"], one["terms"]) == (1, "Welcome", body["terms"]) and "from" not in one
    assert offered() == [one] == viewer("GET", "/promotions")[1]["promotions"]
    assert supervisor("PUT", "/promotions/7", body)[1]["code"] == "no_change"
    # Given under it, and under nothing else.
    give = lambda **more: supervisor("POST", f"/accounts/{account}/grants", {"kind": "bonus", "amount": 500, "reason": "welcome", **more}, key=new_id())
    assert give(promotion=8, terms=1)[1]["code"] == "promotion_unknown"
    assert give(promotion=7, terms=1)[0] == 200
    assert give(promotion=7)[1]["code"] == give(promotion=7, terms=0)[1]["code"] == "terms_missing"
    # Said anew by somebody who had seen it; whoever had seen the version before is told so.
    changed = {**body, "terms": "Stake 20.00, get 5.00."}
    assert supervisor("PUT", "/promotions/7", changed, {"If-Match": fields["ETag"]})[0] == 200
    assert supervisor("PUT", "/promotions/7", body, {"If-Match": fields["ETag"]})[1]["code"] == "changed_since"
    assert give(promotion=7, terms=1)[1]["code"] == "changed_since" and give(promotion=7, terms=2)[0] == 200
    # Over: nothing is given under it, and what was given is taken back.
    assert supervisor("PUT", "/promotions/7", {**changed, "until": moment(-5)})[0] == 200
    assert offered() == [] and give(promotion=7, terms=3)[1]["code"] == "promotion_not_offered"
    assert give(promotion=7, amount=-200)[0] == 200
    assert viewer("GET", "/risk")[1]["given"] == [{"promotion": 7, "name": "Welcome", "bonus": 800, "free": 0}]
    log = lambda: subprocess.run([BINARY, "journal", "promotions", server.directory], capture_output=True, text=True)
    head, *lines = [line.split("\t") for line in log().stdout.splitlines()]
    told = [dict(zip(head, line)) for line in lines]
    assert [(line["what"], line["promotion"], line["version"], line["name"], line["amount"]) for line in told] == [
        ("promised", "7", "1", "Welcome", "-"), ("given", "7", "1", "Welcome", "500"), ("promised", "7", "2", "Welcome", "-"),
        ("given", "7", "2", "Welcome", "500"), ("promised", "7", "3", "Welcome", "-"), ("taken_back", "7", "3", "Welcome", "-200")]
    assert told[0]["terms"] == "Stake 10.00, get 5.00. Once a customer." and told[0]["by"] == "operator 1" and told[0]["reason"] == "the season begins"
    assert told[1]["account"] == account and told[1]["kind"] == "bonus" and told[2]["terms"] == "Stake 20.00, get 5.00."
    # Who did what, at the desk; and after a start all of it is as it was.
    deadline = time.monotonic() + 15
    while True:
        details = [deed["detail"] for deed in viewer("GET", "/trail")[1]["actions"]]
        if any("under promotion 7, version 2" in detail for detail in details) and any(detail.startswith("promotion 7, Welcome") for detail in details):
            break
        assert time.monotonic() < deadline, details
        time.sleep(0.1)
    server.stop()
    server.start()
    again = asking(server, people(server)[2])
    assert again("GET", "/promotions/7")[1]["version"] == 3
    assert [line.split("\t") for line in log().stdout.splitlines()] == [head, *lines]


@pytest.mark.parametrize("size", SIZES)
def test_a_supervisor_promises_and_a_customer_reads_it(make_server, page_of, size):
    server = make_server("--feed", "none")
    desk = desk_of(server, page_of, size)
    page = page_of(server.origin, size)
    page.get_by_role("button", name="Open a demo account").click()
    expect(page.locator("gs-wallet")).to_contain_text("Demo money")
    account = page.evaluate("async () => (await import('/state.js')).state.account.account")
    page.get_by_role("tab", name="Promotions").click()
    expect(page.locator("#mine-panel")).to_contain_text("Nothing is promised")

    desk.get_by_role("button", name="Promotions…").click()
    dialog = desk.get_by_role("dialog")
    assert dialog.get_by_label("Its number").input_value() == "1"
    dialog.get_by_label("Name").fill("Welcome")
    dialog.get_by_label("Terms").fill("Stake 10.00, get 5.00.\nOnce a customer.")
    dialog.get_by_label("Until").fill("2020-01-01T00:00")
    dialog.get_by_label("Offered from").fill("2021-01-01T00:00")
    dialog.get_by_label("Reason").fill("the season begins")
    desk.screenshot(path=f"/tmp/promotions-{size}.png")
    assert violations(desk) == []
    dialog.locator("button[type=submit]").click()
    expect(dialog.get_by_role("alert")).to_contain_text("later than from")
    dialog.get_by_label("Until").fill("")
    dialog.locator("button[type=submit]").click()
    expect(dialog).to_have_count(0)
    page.get_by_role("tab", name="My bets").click()
    page.get_by_role("tab", name="Promotions").click()
    expect(page.locator("#mine-panel")).to_contain_text("Once a customer.")
    page.screenshot(path=f"/tmp/promised-{size}.png")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert violations(page) == []

    # Said anew while somebody gives under what was there: the desk says that it has changed since.
    customer = desk.locator("desk-customer")
    customer.get_by_label("Account").fill(str(account))
    customer.get_by_role("button", name="Look").click()
    customer.get_by_label("Under").select_option("1")
    desk.get_by_role("button", name="Promotions…").click()
    dialog.get_by_label("Which").select_option("1")
    assert dialog.get_by_label("Terms").input_value().endswith("Once a customer.")
    dialog.get_by_label("Terms").fill("Stake 20.00, get 5.00.")
    dialog.get_by_label("Reason").fill("dearer")
    dialog.locator("button[type=submit]").click()
    expect(dialog).to_have_count(0)
    customer.locator("#grant-amount").fill("5.00")
    customer.locator("#grant-reason").fill("welcome")
    customer.get_by_role("button", name="Give").click()
    expect(customer.get_by_role("status")).to_contain_text("changed")
    customer.get_by_role("button", name="Look").click()
    expect(customer.locator("#grant-promotion")).to_have_value("")
    customer.locator("#grant-promotion").select_option("1")
    customer.locator("#grant-amount").fill("5.00")
    customer.locator("#grant-reason").fill("welcome")
    customer.get_by_role("button", name="Give").click()
    expect(customer.get_by_role("status")).to_contain_text("5.00 EUR free stake")
    assert page.problems == []
