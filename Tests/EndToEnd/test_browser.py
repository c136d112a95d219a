"""The pages in a real browser: a newcomer's first bet, two operators, no accessibility violation."""

import time
import signal
import os
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect, sync_playwright

SIZES = {"phone": (390, 844), "desktop": (1440, 900)}


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield running
        running.close()


def violations(page):
    found = Axe().run(page).response["violations"]
    return [(v["id"], [n["html"][:120] for n in v["nodes"]][:3]) for v in found]


@pytest.fixture
def page_of(browser):
    contexts = []

    def make(url, size="desktop"):
        width, height = SIZES[size]
        context = browser.new_context(viewport={"width": width, "height": height})
        contexts.append(context)
        page = context.new_page()
        page.problems = []
        page.on("console", lambda m: page.problems.append(m.text) if m.type in ("error", "warning") else None)
        page.on("pageerror", lambda e: page.problems.append(str(e)))
        page.goto(url)
        return page

    yield make
    for context in contexts:
        context.close()


@pytest.mark.parametrize("size", SIZES)
def test_a_newcomer_bets_and_sees_the_bet(server, page_of, size):
    page = page_of(server.origin, size)
    expect(page.locator(".price:not(:disabled)").first).to_be_visible(timeout=10_000)
    assert violations(page) == []
    page.get_by_role("button", name="Open a demo account").click()
    expect(page.locator("gs-wallet")).to_contain_text("Demo money")
    expect(page.locator("gs-connection")).to_contain_text("Live")
    page.locator(".price:not(:disabled)").first.click()
    expect(page.locator("gs-slip dl")).to_contain_text("EUR")
    page.get_by_label("If the price moves").select_option("any")
    assert violations(page) == []
    page.locator("gs-slip button.primary").click()
    expect(page.locator("gs-mine .bet").first).to_contain_text("open", timeout=10_000)
    expect(page.locator("gs-wallet")).to_contain_text("995.00")
    page.get_by_role("tab", name="Statement").click()
    expect(page.locator("gs-mine table")).to_contain_text("Stake held")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.problems == []


@pytest.mark.parametrize("size", SIZES)
def test_three_prices_make_a_trixie_with_its_lines_and_its_whole_stake(make_server, page_of, size):
    server = make_server("--match-seconds", "2000", "--seed", "7")
    page = page_of(server.origin, size)
    expect(page.locator(".price:not(:disabled)").first).to_be_visible(timeout=10_000)
    page.get_by_role("button", name="Open a demo account").click()
    expect(page.locator("gs-wallet")).to_contain_text("Demo money")
    # One price of each of three matches that have not begun.
    markets = [market["id"] for market in server.open_markets(3)]
    page.evaluate("""async markets => {
        const { state } = await import("/state.js");
        for (const id of markets) {
            while (!state.markets.get(id)) await new Promise(done => setTimeout(done, 50));
            const market = state.markets.get(id);
            state.toggle(market, market.selections[0]);
        }
    }""", markets)
    expect(page.locator("gs-slip .leg")).to_have_count(3)
    kind = page.get_by_label("Kind of bet")
    assert kind.locator("option").all_inner_texts() == ["Treble (1 bet)", "Singles (3 bets)", "Doubles (3 bets)", "Trixie (4 bets)", "Patent (7 bets)"]
    kind.select_option(label="Trixie (4 bets)")
    page.get_by_label("Stake per line").fill("1.00")
    expect(page.locator("gs-slip dl")).to_contain_text("4.00 EUR")
    expect(page.locator("gs-slip dl")).to_contain_text("Potential return")
    assert violations(page) == []
    page.get_by_role("button", name="Banker").first.click()
    expect(kind.locator("option:checked")).to_have_text("2 of 2 with a banker (1 bet)")
    page.get_by_role("button", name="Banker").first.click()
    kind.select_option(label="Trixie (4 bets)")
    # Prices move while one reads.
    page.get_by_label("If the price moves").select_option("any")
    expect(page.locator("gs-slip button.primary")).to_have_text("Bet 4.00 EUR")
    page.locator("gs-slip button.primary").click()
    expect(page.locator("gs-mine .bet").first).to_contain_text("open", timeout=10_000)
    expect(page.locator("gs-mine .bet").first).to_contain_text("Trixie: 4 bets of 1.00 EUR")
    expect(page.locator("gs-wallet")).to_contain_text("996.00")
    page.reload()
    expect(page.locator("gs-mine .bet").first).to_contain_text("Trixie: 4 bets of 1.00 EUR", timeout=10_000)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.problems == []


def test_quarter_lines_are_offered_where_they_are_asked_for(make_server, page_of):
    server = make_server("--match-seconds", "2000", "--seed", "7", "--quarter-lines", "on")
    page = page_of(server.origin)
    names = page.locator(".market-name")
    expect(names.nth(4)).to_be_visible(timeout=10_000)
    first = [name.split(" ")[0] for name in names.all_inner_texts()[:5]]
    assert first == ["Match", "Goals", "Both", "Asian", "Asian"], "in the order in which they were made"


def test_prices_are_shown_in_six_formats_and_placed_as_they_are(server, page_of):
    page = page_of(server.origin)
    price = page.locator(".price:not(:disabled)").first
    expect(price).to_be_visible(timeout=10_000)
    formats = page.get_by_label("Odds format")
    assert formats.locator("option").all_inner_texts() == [
        "Decimal 1.95", "Fractional 19/20", "American −105", "Hong Kong 0.95", "Malay 0.95", "Indonesian −1.053"]
    assert violations(page) == []
    page.get_by_role("button", name="Open a demo account").click()
    expect(page.locator("gs-wallet")).to_contain_text("Demo money")
    formats.select_option("malay")
    price.click()
    page.get_by_label("If the price moves").select_option("any")
    page.locator("gs-slip button.primary").click()
    expect(page.locator("gs-mine .bet").first).to_contain_text("open", timeout=10_000)
    page.reload()
    expect(page.get_by_label("Odds format")).to_have_value("malay")
    assert page.problems == []


def test_selections_of_one_match_and_another_cannot_be_combined(server, page_of):
    page = page_of(server.origin)
    page.get_by_role("button", name="Open a demo account").click()
    cards = page.locator("gs-card", has=page.locator(".market:nth-of-type(2) .price:not(:disabled)"))
    cards.first.locator(".market").nth(0).locator(".price").first.click()
    cards.first.locator(".market").nth(1).locator(".price").first.click()
    # Of one match alone they have one price together; with a leg of another match nobody prices them.
    expect(page.locator("gs-slip")).to_contain_text("Together at", timeout=10_000)
    cards.nth(1).locator(".market").nth(0).locator(".price").first.click()
    expect(page.locator("gs-slip button.primary")).to_have_text("These cannot be combined")


def test_prices_grey_out_when_the_server_is_gone_and_come_back(server, page_of):
    page = page_of(server.origin)
    expect(page.locator("gs-connection")).to_contain_text("Live", timeout=10_000)
    # Silent, with its sockets open: only the clock of the page can tell.
    os.kill(server.process.pid, signal.SIGSTOP)
    began = time.monotonic()
    expect(page.locator("body.stale")).to_be_visible(timeout=3_200)
    assert time.monotonic() - began < 3.2
    os.kill(server.process.pid, signal.SIGCONT)
    expect(page.locator("body.stale")).to_have_count(0, timeout=5_000)
    server.kill()
    expect(page.locator("body.stale")).to_be_visible(timeout=3_500)
    server.start()
    expect(page.locator("gs-connection")).to_contain_text("Live", timeout=15_000)
    expect(page.locator("body.stale")).to_have_count(0)


def test_in_play_waits_and_settles(make_server, page_of):
    server = make_server("--match-seconds", "40", "--matches", "4", "--seed", "5")
    page = page_of(server.origin)
    page.get_by_role("button", name="Open a demo account").click()
    expect(page.locator("gs-wallet")).to_contain_text("1,000.00")
    live = page.locator("gs-card", has=page.locator(".tag.live"))
    live.locator(".price:not(:disabled)").first.click(timeout=40_000)
    page.get_by_label("If the price moves").select_option("any")
    button = page.locator("gs-slip button.primary")
    expect(button).to_be_enabled(timeout=20_000)
    button.click()
    first = page.locator("gs-mine .bet").first
    expect(first).to_be_visible()
    expect(first.locator(".tag").first).to_have_text(
        __import__("re").compile("won|lost|refused|returned"), timeout=90_000)
    # What was said while it waited is over, too.
    expect(page.locator("gs-slip")).not_to_contain_text("while the delay runs")


def test_two_operators_settle_by_hand(server, page_of):
    pages = []
    for code in server.codes()[:2]:
        page = page_of(server.desk)
        page.get_by_label("One-time code").fill(code)
        page.get_by_role("button", name="Sign in").click()
        expect(page.locator("desk-markets tbody tr").first).to_be_visible(timeout=10_000)
        pages.append(page)
    first, second = pages
    assert violations(first) == []
    row = first.locator("desk-markets tbody tr").last
    row.get_by_role("button", name="Suspend").click()
    expect(row).to_contain_text("trader")
    row.get_by_role("button", name="Settle").click()
    dialog = first.locator("dialog")
    dialog.locator("select").first.select_option("won")
    dialog.get_by_label("Reason").fill("supplier lost contact")
    assert violations(first) == []
    dialog.get_by_role("button", name="Propose").click()
    expect(first.locator("desk-proposals button")).to_be_disabled()
    second.locator("desk-proposals button").click()
    expect(second.locator("desk-proposals")).to_contain_text("None.")
    expect(first.locator("desk-markets tbody")).to_contain_text("settled ×1")
    # It was the wrong match: as if nothing had been said of it.
    first.locator("desk-markets tbody tr").filter(has_text="settled ×1").get_by_role("button", name="Resettle").click()
    dialog.get_by_role("button", name="There is no result yet").click()
    dialog.get_by_label("Reason").fill("another match")
    dialog.get_by_label("Where it is written").fill("case 4")
    assert violations(first) == []
    first.screenshot(path="/tmp/resettle.png")
    dialog.get_by_role("button", name="Propose").click()
    expect(second.locator("desk-proposals")).to_contain_text("undecided (another match; case 4)")
    second.locator("desk-proposals button").click()
    expect(first.locator("desk-markets tbody")).to_contain_text("settled ×2")
    assert first.problems == [] and second.problems == []


def test_a_code_works_once_and_wrong_codes_run_out(server, page_of):
    code = server.codes()[0]
    assert server.call("POST", "/api/v1/sign-in", {"code": code}, base=server.desk)[0] == 200
    for _ in range(10):
        assert server.call("POST", "/api/v1/sign-in", {"code": code}, base=server.desk)[0] == 401
    assert server.call("POST", "/api/v1/sign-in", {"code": code}, base=server.desk)[0] == 429


def test_an_event_source_works_unaided_and_comes_back_by_itself(make_server, page_of):
    server = make_server("--match-seconds", "60", "--seed", "7")
    page = page_of(server.origin)
    page.evaluate("""() => {
        window.heard = [];
        window.source = new EventSource("/api/v1/events?topics=fixtures,incidents");
        window.source.onmessage = event => window.heard.push([event.lastEventId, JSON.parse(event.data).type]);
    }""")
    page.wait_for_function("() => window.heard.length > 2", timeout=20_000)
    before = page.evaluate("() => window.heard.length")
    # Only what completes a place has one.
    page.wait_for_function("() => window.heard.some(([id]) => id)", timeout=20_000)
    server.kill()
    server.start()
    page.wait_for_function("before => window.heard.length > before + 1", arg=before, timeout=30_000)
    assert page.evaluate("() => window.source.readyState") == 1


def test_a_browser_keeps_what_it_may_asks_before_it_uses_it_and_reads_parts(server, page_of):
    page = page_of(server.origin)
    expect(page.locator(".price:not(:disabled)").first).to_be_visible(timeout=10_000)
    wire, codings = {}, {}
    network = page.context.new_cdp_session(page)
    network.send("Network.enable")
    names = {}
    network.on("Network.requestWillBeSent", lambda e: names.update({e["requestId"]: e["request"]["url"].removeprefix(server.origin)}))
    # What the server said, not what the page was given out of the cache.
    network.on("Network.responseReceivedExtraInfo", lambda e: wire.setdefault(e["requestId"], []).append(e["statusCode"]))
    network.on("Network.responseReceived", lambda e: codings.update({
        e["requestId"]: {name.lower(): value for name, value in e["response"]["headers"].items()}.get("content-encoding")}))
    page.goto(server.origin)
    expect(page.locator(".price:not(:disabled)").first).to_be_visible(timeout=10_000)
    said = {names[id]: codes for id, codes in wire.items() if id in names}
    for path in ("/", "/app.js", "/slip.js", "/app.css"):
        assert said[path] == [304], (path, said)
    # Nobody may keep who is signed in.
    assert said["/api/v1/session"] == [200]
    part = page.evaluate("""async () => {
        const whole = await (await fetch("/app.js", { cache: "no-store" })).text();
        const answer = await fetch("/app.js", { headers: { Range: "bytes=10-19" } });
        return [answer.status, answer.headers.get("content-range"), await answer.text() === whole.slice(10, 20)];
    }""")
    assert "br" in {codings[id] for id, name in names.items() if name == "/app.js" and id in codings}
    assert part[0] == 206 and part[1].startswith("bytes 10-19/") and part[2]
    # What changes nothing for this browser is not read again: the list of bets is asked for and answered in a word.
    page.get_by_role("button", name="Open a demo account").click()
    expect(page.locator("gs-wallet")).to_contain_text("Demo money")
    wire.clear()
    assert page.evaluate("""async () => {
        const first = await (await fetch("/api/v1/bets")).text();
        return first === await (await fetch("/api/v1/bets")).text();
    }""")
    assert [codes for id, codes in wire.items() if names.get(id) == "/api/v1/bets"][-1] == [304]
    assert page.problems == []
