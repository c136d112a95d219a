"""Where customers are: by the address that they come from, or by what a provider says of their devices."""

import base64
import calendar
import concurrent.futures
import hashlib
import hmac
import json
import os
import signal
import subprocess
import time

import pytest
from conftest import BINARY, bet, new_id
from playwright.sync_api import expect
from test_browser import SIZES, browser, page_of, violations  # noqa: F401
from test_trading import wait_for

HOME, ABROAD, HIDDEN, NOWHERE = "192.0.2.1", "198.51.100.7", "203.0.113.9", "8.8.8.8"
TABLE = "192.0.2.0/24 GB\n198.51.100.0/24 DE\n203.0.113.0/24 GB vpn\n"
QUIET = ("--matches", "2", "--match-seconds", "2000", "--seed", "7", "--trusted-hops", "127.0.0.1")


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "addresses.txt"
    path.write_text(TABLE)
    return path


def from_(server, cookie, address):
    """Asks as whoever comes from an address."""
    return lambda method, path, body=None: server.call(method, f"/api/v1{path}", body, cookie, headers={"X-Forwarded-For": address})


def place(ask, market):
    status, answer, _ = ask("POST", "/bets", bet(market, new_id(), 500))
    return status, answer["bet"]


def test_bets_are_taken_by_where_their_customers_addresses_are(make_server, table):
    server = make_server(*QUIET, "--location-regions", "GB, IE", "--location-table", str(table), "--location-recheck", "30")
    cookie = server.sign_in()
    market = server.open_market()
    home, abroad, hidden, nowhere = [from_(server, cookie, address) for address in (HOME, ABROAD, HIDDEN, NOWHERE)]
    # Whoever signs in is located, with or without a bet.
    dump = lambda: subprocess.run([BINARY, "journal", "dump", server.directory], capture_output=True, text=True).stdout
    wait_for(lambda: " location\n" in dump())
    where = lambda ask: {key: ask("GET", "/location")[1].get(key) for key in ("required", "by", "verdict", "region", "signs")}
    assert server.call("GET", "/api/v1/location")[0] == 401
    assert where(home) == {"required": True, "by": "address", "verdict": "inside", "region": "GB", "signs": []}
    status, taken = place(home, market)
    assert status == 201 and taken["status"] == "open"
    # Elsewhere, or hidden: nothing is taken, and nothing is held; back home it is again.
    for ask, verdict, signs in ((abroad, "outside", []), (hidden, "doubtful", ["vpn"]), (nowhere, "doubtful", ["unlisted"])):
        status, refused = place(ask, market)
        assert (status, refused["refusal"]["code"]) == (422, "location_refused"), refused
        assert (where(ask)["verdict"], where(ask)["signs"]) == (verdict, signs)
    assert place(home, market)[0] == 201
    assert server.call("GET", "/api/v1/account", cookie=cookie)[1]["balances"]["openBets"] == 1000
    # What the journal says of a bet has the decision by which it was taken.
    told = json.loads(subprocess.run([BINARY, "replay", "bet", str(taken["id"]), "--data", server.directory, "--json"], capture_output=True, text=True).stdout)
    located = [step for step in told["steps"] if step["kind"] == "location"][0]
    fields = located["fields"]
    assert (fields["verdict"], fields["region"], fields["by"]) == ("inside", "GB", "address")
    asked = [step for step in told["steps"] if step["kind"] == "place"][0]
    assert asked["fields"]["where its customer is"] == f"by decision {fields['decision']}"
    assert taken["location"] == fields["decision"]
    assert server.call("PUT", "/api/v1/location", {"packet": "x"}, cookie)[1]["code"] == "location_not_asked"


def test_a_customer_bets_on_two_devices_in_turn(make_server, table):
    server = make_server(*QUIET, "--location-regions", "GB", "--location-table", str(table))
    key = {"Idempotency-Key": f'"{new_id()}"'}
    cookies = [server.call("POST", "/api/v1/demo", headers=key)[2]["Set-Cookie"].split(";")[0] for _ in range(2)]
    assert cookies[0] != cookies[1]
    market = server.open_market()
    phone, laptop = [from_(server, cookie, HOME) for cookie in cookies]
    for ask in (phone, laptop, phone, phone, laptop):
        assert place(ask, market)[0] == 201
    # One cookie from two addresses, as fast as can be: what is decided at home is of nobody abroad.
    away = from_(server, cookies[0], ABROAD)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda n: (n % 2, place((phone, away)[n % 2], market)[0]), range(40)))
    assert {status for isAway, status in both if isAway} == {422}
    assert place(phone, market)[0] == 201
    # One of them abroad stops only that one.
    assert place(from_(server, cookies[1], ABROAD), market)[1]["refusal"]["code"] == "location_refused"
    assert place(phone, market)[0] == 201


def test_nobody_is_asked_where_no_regions_are_said(make_server):
    server = make_server(*QUIET)
    cookie = server.sign_in()
    assert server.call("GET", "/api/v1/location", cookie=cookie)[1]["required"] is False
    assert place(from_(server, cookie, NOWHERE), server.open_market())[0] == 201


def test_a_device_says_where_it_is_by_its_provider(make_server, table, tmp_path):
    key = os.urandom(32)
    (tmp_path / "provider.key").write_bytes(key)
    options = (*QUIET, "--location-regions", "GB", "--location-table", str(table), "--location-key", str(tmp_path / "provider.key"))
    server = make_server(*options)
    cookie = server.sign_in()
    account = server.call("GET", "/api/v1/account", cookie=cookie)[1]["account"]
    market = server.open_market()
    home, abroad = from_(server, cookie, HOME), from_(server, cookie, ABROAD)
    text = lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode()
    moment = lambda ago=0: time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - ago))

    def packet(signed_by=key, **more):
        said = {"account": account, "at": moment(), "address": HOME, "region": "GB-ENG", "accuracy": 20.5, "border": 90_000, "reference": "case 7", **more}
        body = text(json.dumps({name: value for name, value in said.items() if value is not None}).encode())
        return {"packet": body + "." + text(hmac.new(signed_by, body.encode(), hashlib.sha256).digest())}

    # An address alone is not enough.
    assert place(home, market)[1]["refusal"]["code"] == "location_unknown"
    assert "verdict" not in home("GET", "/location")[1]
    for wrong in (packet(signed_by=os.urandom(32)), packet(at=moment(120)), packet(account="999999"), packet(region="Wales"),
                  packet(signs=["cloudy"]), packet(address="x"), packet(address=None), packet(at=moment(-30)),
                  packet(border="near"), packet(border=-1), packet(accuracy=1e300), packet(region=7), packet(reference=7), packet(reference="x" * 49), {"packet": "a.b"}, {"packet": "x" * 3000}, {"packet": ""}):
        answer = home("PUT", "/location", wrong)
        assert (answer[0], answer[1]["code"]) == (422, "location_invalid"), (wrong, answer)
    assert home("PUT", "/location", {})[1]["code"] == "malformed"
    said = home("PUT", "/location", packet())[1]
    assert (said["verdict"], said["region"], said["by"]) == ("inside", "GB-ENG", "device")
    assert place(home, market)[0] == 201
    # The same device from an address abroad is in two countries at once; a mocked position is none.
    assert place(abroad, market)[1]["refusal"]["code"] == "location_refused"
    assert abroad("GET", "/location")[1]["signs"] == ["disagreeing"]
    # What the table has at home is believed; from abroad nothing was, and at home again what the device said stands.
    assert home("GET", "/location")[1]["verdict"] == "inside"
    assert place(home, market)[0] == 201
    for more, verdict, signs in (
        ({"signs": ["mocked", "remote_desktop"]}, "doubtful", ["mocked", "remote_desktop"]), ({"address": ABROAD}, "doubtful", ["disagreeing"]),
        ({"accuracy": 900, "border": 800}, "doubtful", ["at_border"]), ({"region": "FR"}, "outside", ["disagreeing"]), ({"region": None}, "doubtful", []),
        ({"accuracy": None}, "doubtful", ["at_border"]), ({"border": None}, "doubtful", ["at_border"]), ({"accuracy": 799.5, "border": 800.9}, "doubtful", ["at_border"]), ({}, "inside", []),
    ):
        said = home("PUT", "/location", packet(**more))[1]
        assert (said["verdict"], said["signs"]) == (verdict, signs), (more, said)
        assert (place(home, market)[0] == 201) == (verdict == "inside")
    near = home("PUT", "/location", packet(border=1000))[1]
    assert 0 < calendar.timegm(time.strptime(near["until"][:19], "%Y-%m-%dT%H:%M:%S")) - time.time() <= 300
    # What was found out before that is not believed again.
    old = packet(at=moment(20))
    assert home("PUT", "/location", old)[1]["code"] == "location_invalid"
    assert home("GET", "/location")[1]["until"] == near["until"]
    # After a restart the device says it again.
    server.stop()
    server.start()
    home = from_(server, cookie, HOME)
    market = server.open_market()
    assert place(home, market)[1]["refusal"]["code"] == "location_unknown"
    assert home("PUT", "/location", packet())[1]["verdict"] == "inside"
    assert place(home, market)[0] == 201


def test_a_table_that_changes_counts_from_then_on(make_server, table):
    server = make_server(*QUIET, "--location-regions", "GB", "--location-table", str(table))
    home = from_(server, server.sign_in(), HOME)
    where = lambda: home("GET", "/location")[1].get("verdict")
    assert where() == "inside"
    table.write_text(TABLE.replace("GB\n", "FR\n", 1))
    os.kill(server.process.pid, signal.SIGHUP)
    wait_for(lambda: where() == "outside")
    # One that is of no use changes nothing, and is complained of.
    table.write_text("192.0.2.0/24\n")
    os.kill(server.process.pid, signal.SIGHUP)
    wait_for(lambda: "location_table_not_read" in server.output())
    assert where() == "outside"


@pytest.mark.parametrize("options, said", [
    (["--location-table", "{table}"], "location-regions is missing"),
    (["--location-regions", "GB"], "location-table is missing"),
    (["--location-regions", "GB", "--location-table", "/nowhere"], "location-table cannot be read"),
    (["--location-regions", "England", "--location-table", "{table}"], "ISO 3166"),
    (["--location-regions", "GB", "--location-table", "{bad}"], "line 2: 'here' is no network"),
    (["--location-regions", "GB", "--location-table", "{table}", "--location-key", "{bad}"], "a file of 32 bytes"),
    (["--location-regions", "GB", "--location-table", "{table}", "--location-tolerated", "clouds"], "which is no sign"),
    (["--location-regions", "GB", "--location-table", "{empty}"], "no network in it"),
    (["--location-regions", "GB", "--location-table", "{table}", "--location-script", "{bad}"], "location-key is missing"),
    (["--location-regions", "GB", "--location-table", "{table}", "--location-origins", "https://a.example; script-src *"], "it must be like"),
])
def test_a_server_says_what_is_wrong_with_how_it_should_find_out(table, tmp_path, options, said):
    (tmp_path / "bad.txt").write_text("192.0.2.0/24 GB\nhere GB\n")
    (tmp_path / "empty.txt").write_text("")
    words = [option.format(table=table, bad=tmp_path / "bad.txt", empty=tmp_path / "empty.txt") for option in options]
    run = subprocess.run([BINARY, "serve", "--data", str(tmp_path / "data"), *words], capture_output=True, text=True, timeout=20)
    assert run.returncode != 0 and said in run.stderr, run.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("size", SIZES)
def test_a_page_says_that_no_bets_are_taken_from_here(make_server, page_of, tmp_path, size):
    (tmp_path / "addresses.txt").write_text("127.0.0.0/8 DE\n")
    server = make_server("--matches", "2", "--match-seconds", "2000", "--seed", "7", "--location-regions", "GB", "--location-table", str(tmp_path / "addresses.txt"))
    page = page_of(server.origin, size)
    page.get_by_role("button", name="Open a demo account").click()
    page.locator(".price:not(:disabled)").first.click()
    button = page.locator("gs-slip button.primary")
    expect(button).to_contain_text("No bets are taken from where you are")
    expect(button).to_be_disabled()
    page.screenshot(path=f"/tmp/location-{size}.png")
    assert violations(page) == []
    assert page.problems == []


# As a provider's program would, but for asking the provider, who alone has the key.
SCRIPT = """
const bytes = text => Uint8Array.from(text, c => c.charCodeAt(0));
const coded = bytes => btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
export async function locate({ account }) {
    const said = { account, at: new Date().toISOString(), address: "127.0.0.1", region: "GB", accuracy: 15.5, border: 90000, reference: "case 9" };
    const body = coded(bytes(JSON.stringify(said)));
    const key = await crypto.subtle.importKey("raw", bytes("%s"), { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    return body + "." + coded(new Uint8Array(await crypto.subtle.sign("HMAC", key, bytes(body))));
}
"""


@pytest.mark.parametrize("size", SIZES)
def test_a_page_runs_the_providers_program(make_server, page_of, tmp_path, size):
    key = "0123456789abcdef" * 2
    (tmp_path / "provider.key").write_text(key)
    (tmp_path / "locator.js").write_text(SCRIPT % key)
    (tmp_path / "addresses.txt").write_text("127.0.0.0/8 GB\n")
    options = ("--matches", "2", "--match-seconds", "2000", "--seed", "7", "--location-regions", "GB", "--location-table", str(tmp_path / "addresses.txt"),
               "--location-key", str(tmp_path / "provider.key"), "--location-origins", "https://geo.example.com")
    server = make_server(*options, "--location-script", str(tmp_path / "locator.js"))
    policy = server.call("GET", "/")[2]["Content-Security-Policy"]
    assert "connect-src 'self' https://geo.example.com;" in policy and "script-src 'self';" in policy
    page = page_of(server.origin, size)
    page.get_by_role("button", name="Open a demo account").click()
    page.locator(".price:not(:disabled)").first.click()
    page.get_by_label("Stake").fill("5")
    button = page.locator("gs-slip button.primary")
    expect(button).to_contain_text("Bet 5.00")
    button.click()
    expect(page.locator("gs-mine [role=tabpanel]")).to_contain_text("open")
    cookie = "; ".join(f"{c['name']}={c['value']}" for c in page.context.cookies())
    said = server.call("GET", "/api/v1/location", cookie=cookie)[1]
    assert (said["verdict"], said["by"], said["script"]) == ("inside", "device", "/locator.js")
    assert page.problems == []
