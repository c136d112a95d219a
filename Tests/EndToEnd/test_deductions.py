"""What withdrawals take: the house's tables, in versions."""

import pytest
from playwright.sync_api import expect
from test_browser import SIZES, browser, page_of, violations  # noqa: F401
from test_trading import asking, desk_of, people


def test_tables_of_deductions_are_set_whole_by_supervisors(make_server):
    server = make_server("--feed", "none")
    supervisor, trader, viewer = [asking(server, cookie) for cookie in people(server)]
    status, table, fields = viewer("GET", "/deduction-tables/rule_4")
    assert status == 200 and table["waivedAlone"] == 0 and len(table["steps"]) == 18
    assert table["steps"][0] == {"runners": 0, "upTo": [1, 9], "win": 9000, "place": 9000}
    assert viewer("GET", "/deduction-tables/face_value")[1]["steps"] == []
    assert viewer("GET", "/deduction-tables/tote")[1]["code"] == "rule_unknown"
    body = {"waivedAlone": 500, "steps": table["steps"], "reason": "a lone five pence is waived"}
    assert trader("PUT", "/deduction-tables/rule_4", body)[1]["code"] == "role_missing"
    step = {"upTo": [1, 1], "win": 4200}
    for wrong, status, code in [
        ({**body, "steps": table["steps"][::-1]}, 422, "not_a_table"), ({**body, "waivedAlone": 9001}, 400, "malformed"), ({**body, "reason": ""}, 400, "malformed"),
        ({**body, "steps": [{**step, "win": 9001}]}, 400, "malformed"), ({**body, "steps": [{**step, "upTo": [1]}]}, 400, "malformed"), ({**body, "steps": [{**step, "upTo": [1, 0]}]}, 400, "malformed"),
        ({**body, "steps": [{**step, "runners": 65}]}, 400, "malformed"), ({**body, "steps": [{"win": 1}]}, 400, "malformed"), ({**body, "steps": None}, 400, "malformed"),
        ({**body, "steps": [{"upTo": [price + 1, 1], "win": 1} for price in range(257)]}, 400, "malformed"), ({**body, "steps": [{**step, "upTo": [0, 1]}]}, 400, "malformed"), ({**body, "waivedAlone": 0}, 409, "no_change"),
    ]:
        answer = supervisor("PUT", "/deduction-tables/rule_4", wrong)
        assert (answer[0], answer[1]["code"]) == (status, code), (wrong, answer)
    assert supervisor("PUT", "/deduction-tables/rule_4", body, {"If-Match": fields["ETag"]})[0] == 200
    assert supervisor("PUT", "/deduction-tables/rule_4", {**body, "waivedAlone": 0}, {"If-Match": fields["ETag"]})[1]["code"] == "changed_since"
    assert viewer("GET", "/deduction-tables/rule_4")[1]["waivedAlone"] == 500
    brand = {"steps": [{**step, "place": 1400}, {**step, "runners": 8, "win": 3000}], "reason": "ours"}
    assert supervisor("PUT", "/deduction-tables/face_value", brand)[0] == 200
    assert viewer("GET", "/deduction-tables/face_value")[1]["steps"] == [
        {"runners": 0, "upTo": [1, 1], "win": 4200, "place": 1400}, {"runners": 8, "upTo": [1, 1], "win": 3000, "place": 3000}]
    longest = [{"runners": 0, "upTo": [price + 1, 1], "win": 9000 - price, "place": 100} for price in range(256)]
    assert supervisor("PUT", "/deduction-tables/face_value", {"waivedAlone": 0, "steps": longest, "reason": "the longest"})[0] == 200
    assert viewer("GET", "/deduction-tables/face_value")[1]["steps"] == longest
    server.stop()
    server.start()
    again = asking(server, people(server)[2])
    assert again("GET", "/deduction-tables/rule_4")[1]["waivedAlone"] == 500


@pytest.mark.parametrize("size", SIZES)
def test_a_supervisor_writes_the_brands_table(make_server, page_of, size):
    server = make_server("--feed", "none")
    desk = desk_of(server, page_of, size)
    desk.get_by_role("button", name="Rule 4…").click()
    dialog = desk.get_by_role("dialog")
    assert dialog.locator("textarea").input_value().splitlines()[:2] == ["1/9 90", "2/11 85"]
    desk.keyboard.press("Escape")
    desk.get_by_role("button", name="Deductions…").click()
    dialog.locator("textarea").fill("1/1 42 14\nnonsense")
    dialog.get_by_label("Reason").fill("our book")
    dialog.get_by_role("button", name="Set").or_(dialog.locator("button[type=submit]")).first.click()
    expect(dialog).to_contain_text("Line 2: a price and what it takes")
    desk.screenshot(path=f"/tmp/deductions-{size}.png")
    assert violations(desk) == []
    dialog.locator("textarea").fill("1/1 42 14\n8+ 1/1 30.5")
    dialog.locator("button[type=submit]").first.click()
    expect(dialog).to_be_hidden()
    desk.get_by_role("button", name="Deductions…").click()
    expect(dialog.locator("textarea")).to_have_value("1/1 42 14\n8+ 1/1 30.5")
    assert desk.problems == []
