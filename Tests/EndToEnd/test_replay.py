"""A disputed bet, told and proved from the journal alone."""

import base64
import json
import pathlib
import re
import runpy
import subprocess
import sys
import time

import pytest
from conftest import BINARY, ROOT, Server, bet, new_id

VERIFIER = ROOT / "examples" / "verify_pack.py"


@pytest.fixture(scope="module")
def disputed(tmp_path_factory):
    """Bets before the match, in play and refused, the matches over, the first segments sealed; and the server still running."""
    root = tmp_path_factory.mktemp("replay")
    server = Server(root / "data", "--match-seconds", "20", "--matches", "60", "--segment-bytes", "2097152", "--digests", str(root / "digests"))
    cookie = server.sign_in()
    # Definitions that lie a segment back: what is told then has a digest.
    market = server.open_market()
    early = server.call("POST", "/api/v1/bets", bet(market, new_id(), stake=250), cookie)[1]["bet"]["id"]
    market = server.open_market(in_play=True)
    waited = server.call("POST", "/api/v1/bets", bet(market, new_id(), stake=300), cookie)[1]["bet"]["id"]
    refused = server.call("POST", "/api/v1/bets", bet(server.open_market(), new_id(), stake=90_000_000), cookie)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        bets = {b["id"]: b for b in server.call("GET", "/api/v1/bets?limit=50", cookie=cookie)[1]["bets"]}
        digests = root / "digests" / "segment-digests.txt"
        if bets[early]["status"] == "settled" and bets[waited]["status"] in ("settled", "refused") and digests.exists() and digests.read_text():
            break
        time.sleep(0.2)
    else:
        raise AssertionError("the matches did not end")
    yield dict(root=root, server=server, early=early, waited=waited, refused=refused, bets=bets)
    server.stop()


def replay(disputed, *arguments):
    return subprocess.run([BINARY, "replay", "bet", *arguments, "--data", disputed["root"] / "data"], capture_output=True, text=True)


def verify(*arguments):
    return subprocess.run([sys.executable, VERIFIER, *arguments], capture_output=True, text=True)


def test_the_whole_life_of_a_bet_is_told_while_the_server_runs(disputed):
    told = replay(disputed, disputed["early"])
    assert told.returncode == 0, told.stderr
    text = told.stdout
    for words in ("The customer signed in", "prices", "The customer asked for the bet", "supplier's message", "received by the gateway",
                  "waited for the engine", "as shown in version", "passed   deadline_passed", "passed   exposure_limit",
                  "entry: hold", "entry: accept", "the feed's result", "The bet was settled", "entry: settle", "exact"):
        assert words in text, f"{words}:\n{text}"
    assert "2.50 EUR" in text or "250" in text


def test_a_bet_that_waited_is_told_with_every_rule_of_its_delay(disputed):
    history = json.loads(replay(disputed, disputed["waited"], "--json").stdout)
    steps = {step["kind"]: step for step in history["steps"]}
    decided = steps["timer_due"]
    assert {check["rule"] for check in decided["rules"]} <= {"account_closed", "barred", "interrupted", "suspended_during_delay", "changed_during_delay", "price_moved_during_delay"}
    assert decided["rules"]
    accepted = disputed["bets"][disputed["waited"]]["status"] == "settled"
    assert all(check["passed"] for check in decided["rules"]) == accepted
    assert [e["reason"] for e in decided["entries"]] == (["accept"] if accepted else ["release"])
    assert all(sum(e["postings"].values()) == 0 for step in history["steps"] for e in step["entries"])
    assert "ms of the market" in steps["place"]["fields"]["delay"]


def test_a_refusal_is_told_up_to_the_rule_that_refused(disputed):
    # A refusal at once is a record of its own: the place that was asked for.
    dump = subprocess.run([BINARY, "journal", "dump", disputed["root"] / "data"], capture_output=True, text=True).stdout
    sequence = re.search(r"^(\d+) \S+ place .*stake=90000000", dump, re.M)[1]
    history = json.loads(replay(disputed, sequence, "--json").stdout)
    place = [step for step in history["steps"] if step["kind"] == "place"][0]
    assert [check["passed"] for check in place["rules"]][-1] is False
    assert place["rules"][-1]["rule"] == "stake_above_maximum"
    assert place["rules"][-1]["value"] == 90_000_000 and place["rules"][-1]["threshold"] > 0
    assert place["entries"] == []


def test_the_pack_proves_itself_and_every_change_to_it_is_seen(disputed, tmp_path):
    path = tmp_path / "bet.html"
    assert replay(disputed, disputed["early"], "--pack", path).returncode == 0
    digests = disputed["root"] / "digests" / "segment-digests.txt"
    told = verify(path)
    assert told.returncode == 0, told.stderr
    assert "verified" in told.stdout and "every page leads to" in told.stdout
    assert "as exported" in verify(path, digests).stdout
    page = path.read_text()
    data = json.loads(re.search(r'id="pack">(.*)</script>', page, re.S)[1])

    def changed(change):
        copy = json.loads(json.dumps(data))
        change(copy)
        other = tmp_path / "changed.html"
        other.write_text(page[:page.index('id="pack">') + 10] + json.dumps(copy).replace("</", "<\\/") + "</script></body></html>")
        return verify(other)

    assert changed(lambda copy: None).returncode == 0

    def stake(copy):
        step = [s for s in copy["history"]["steps"] if s["kind"] == "place"][0]
        [f for f in step["facts"] if f["label"] == "stake, cash"][0]["value"] = "25000"

    def bit(copy):
        raw = bytearray(base64.b64decode(copy["blocks"][0]["bytes"]))
        raw[300] ^= 1
        copy["blocks"][0]["bytes"] = base64.b64encode(raw).decode()

    def path_up(copy):
        block = [b for b in copy["blocks"] if b["paths"]][0]
        block["paths"][0] = block["paths"][0][::-1].replace("l", "r")[::-1] if "l" in block["paths"][0] else "l" + block["paths"][0][1:]

    def shown(copy):
        copy["history"]["steps"][-1]["fields"]["payout"] = "1000000.00 EUR"
    def other_bet(copy):
        copy["history"]["bet"] = "1"
    def headline(copy):
        copy["history"]["summary"]["payout"] = "7777.00 EUR"
    def without_facts(copy):
        # Who lists no numbers and tells others consistently.
        paid = copy["history"]["summary"]["payout"]
        for step in copy["history"]["steps"]:
            step["facts"] = []
            step["fields"] = {label: text.replace(paid, "7777.00 EUR") for label, text in step["fields"].items()}
        copy["history"]["summary"]["payout"] = "7777.00 EUR"

    def entries(copy):
        for step in copy["history"]["steps"]:
            for entry in step["entries"]:
                entry["postings"] = {account: amount * 7 for account, amount in entry["postings"].items()}
    def price(copy):
        step = [s for s in copy["history"]["steps"] if s["kind"] == "place"][0]
        step["fields"]["leg 1"] = re.sub(r"at [0-9.]+, as", "at 9.99, as", step["fields"]["leg 1"])
    def unsaid(copy):
        step = [s for s in copy["history"]["steps"] if s["kind"] == "bet_settled"][-1]
        del step["fields"]["payout"]
    def fewer_records(copy):
        [s for s in copy["history"]["steps"] if s["kind"] == "bet_settled"][-1]["records"].pop()
    for change in (stake, bit, path_up, shown, other_bet, headline, without_facts, entries, price, unsaid, fewer_records):
        answer = changed(change)
        assert answer.returncode != 0 and "NOT VERIFIED" in answer.stderr, change
    forged = tmp_path / "forged.html"
    payout = data["history"]["summary"]["payout"]
    forged.write_text(page.replace(payout, "7777.00 EUR"))
    assert "NOT VERIFIED" in verify(forged).stderr
    copy = json.loads(json.dumps(data))
    without_facts(copy)
    forged.write_text(page[:page.index('id="pack">') + 10].replace(payout, "7777.00 EUR") + json.dumps(copy).replace("</", "<\\/") + "</script></body></html>")
    assert "NOT VERIFIED" in verify(forged).stderr
    assert "no evidence pack" in verify(digests).stderr and "NOT VERIFIED" in verify(tmp_path / "nowhere").stderr
    # Who leaves the seals out proves nothing to whoever has the exported digests.
    bare = json.loads(json.dumps(data))
    bare["seals"] = []
    (tmp_path / "bare.html").write_text(page[:page.index('id="pack">') + 10] + json.dumps(bare).replace("</", "<\\/") + "</script></body></html>")
    assert "no way to its digest" in verify(tmp_path / "bare.html", digests).stderr
    assert "which nothing seals yet" in verify(tmp_path / "bare.html").stdout
    lines = digests.read_text().splitlines()
    (tmp_path / "other.txt").write_text("\n".join(line[:-1] + ("0" if line[-1] != "0" else "1") for line in lines))
    assert "another digest was exported" in verify(path, tmp_path / "other.txt").stderr


def test_wrong_arguments_are_answered_in_words(disputed):
    assert "no record 99999999" in replay(disputed, "99999999").stderr
    assert "is no bet" in replay(disputed, "1").stderr
    assert "whole number" in replay(disputed, "abc").stderr
    nowhere = subprocess.run([BINARY, "replay", "bet", "1", "--data", "/nowhere"], capture_output=True, text=True)
    assert nowhere.returncode == 2 and "no journal" in nowhere.stderr
    assert len(VERIFIER.read_text().splitlines()) < 160


def test_the_script_knows_every_refusal_that_the_journal_has():
    text = (ROOT / "docs/formats/journal.md").read_text().split("### Refusal\n")[1].split("\n### ")[0]
    table = {int(number): word for number, word in re.findall(r"^\| (\d+) \| `(\w+)` \|", text, re.M)}
    script = runpy.run_path(str(VERIFIER), run_name="script")
    assert script["CODES"] == table and len(table) > 50
