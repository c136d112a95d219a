"""A reader written from the format's description agrees with the platform, and sees what was changed."""

import struct
import subprocess

import journal_reader
import pytest
from conftest import bet, BINARY, new_id
from test_house import make
from test_trading import asking, people


@pytest.fixture
def journal(server):
    cookie = server.sign_in()
    market = server.open_market()
    for _ in range(20):
        server.call("POST", "/api/v1/bets", bet(market, new_id()), cookie)
    assert server.stop() == 0
    return server.directory


def test_an_independent_reader_finds_the_same_records(journal):
    stats = subprocess.run([BINARY, "journal", "stats", journal], capture_output=True, text=True).stdout
    total = int(stats.strip().split("\n")[-1].split()[-2])
    found = [record for _, record in journal_reader.read(journal)]
    assert len(found) == total
    placed = [r for r in found if r["kind"] == 33]
    assert len(placed) == 20
    # Stake and balance by the offsets of the description: body at 80, stake at 152, cash at 32.
    cash = [struct.unpack_from("<q", r["bytes"], 80 + 32)[0] for r in placed]
    assert cash == [100_000 - 100 * (i + 1) for i in range(20)]
    assert all(struct.unpack_from("<q", r["bytes"], 80 + 152)[0] == 100 for r in placed)


def test_both_see_one_changed_byte(journal):
    segment = min(journal.glob("journal-*.seg"))
    data = bytearray(segment.read_bytes())
    data[4096 * 3 + 700] ^= 1
    segment.write_bytes(data)
    with pytest.raises(journal_reader.Corrupt):
        list(journal_reader.read(journal))
    answer = subprocess.run([BINARY, "journal", "verify", journal], capture_output=True, text=True)
    assert answer.returncode == 1
    assert "CORRUPT" in answer.stderr and segment.name in answer.stderr
    assert segment.read_bytes() == bytes(data)


def test_every_version_of_a_market_is_told_with_its_author(make_server):
    server = make_server("--feed", "none")
    supervisor, trader = [asking(server, cookie) for cookie in people(server)[:2]]
    _, market = make(trader, 1)
    assert supervisor("PUT", f"/markets/{market}/pricing", {"held": [[5, 2], [8, 5]], "reason": "money came"})[0] == 200
    assert supervisor("POST", f"/markets/{market}/suspend", {"reason": "a fault"})[0] == 200
    ask = lambda *more: subprocess.run([BINARY, "journal", "prices", server.directory, *more], capture_output=True, text=True)
    told = ask("--market", market)
    assert told.returncode == 0, told.stderr
    head, *lines = [line.split("\t") for line in told.stdout.splitlines()]
    assert head == ["record", "time", "supplier's time", "message", "by", "version", "state", "what", "prices"]
    assert [line[4] for line in lines][-4:] == ["operator 2", "operator 2", "operator 1", "operator 1"]
    assert [int(line[5]) for line in lines] == list(range(1, len(lines) + 1))
    assert [line[8] for line in lines][-4:] == [
        "Ada 1 3.00 (3/1); Bea 1.50 (3/2)", "Ada 1 3.00 (3/1); Bea 1.50 (3/2)", "Ada 1 2.50 (5/2); Bea 1.60 (8/5)", "Ada 1 2.50 (5/2); Bea 1.60 (8/5)"]
    assert [line[6] for line in lines][-2:] == ["open", "trader"]
    # Whatever shuts all markets at once is a version of each, and so is a start.
    assert supervisor("POST", "/suspend-all", {"reason": "fire drill"})[0] == 200
    server.stop()
    server.start()
    *_, all_shut, started = [line.split("\t") for line in ask("--market", market).stdout.splitlines()]
    assert (all_shut[4], all_shut[6], all_shut[7]) == ("operator 1", "trader", "market_state"), all_shut
    assert (started[4], started[6], int(started[5])) == ("engine", "trader,recovery", int(all_shut[5]) + 1), started
    assert "There is no market 7" in ask("--market", "7").stderr and "Which market" in ask().stderr
    # Other rules, on the same books: nothing of this would come out otherwise.
    for version in "1", "2":
        other = subprocess.run([BINARY, "journal", "diff-rules", server.directory, "--to", version], capture_output=True, text=True)
        assert other.returncode == 0 and "other commands otherwise        0" in other.stdout, other.stdout + other.stderr


def test_whose_money_knows_more_than_the_prices_is_told_from_the_journal(make_server):
    server = make_server("--feed", "none")
    trader = asking(server, people(server)[1])
    (_, honest), (_, crooked) = make(trader, 1), make(trader, 2)
    shown = lambda market: server.call("GET", f"/api/v1/markets/{market}")[1]["market"]
    customers = [server.sign_in() for _ in range(8)]

    def place(market, selection, stake, who):
        answer = server.call("POST", "/api/v1/bets", bet(shown(market), new_id(), stake, selection), customers[who])
        assert answer[1]["bet"]["status"] == "open", answer

    def ask(*more):
        told = subprocess.run([BINARY, "journal", "integrity", server.directory, *more], capture_output=True, text=True)
        return told.returncode, [line.split("\t") for line in told.stdout.splitlines()], told.stderr

    # Prices 3.00 and 1.50: a third of the money on the first looks as it should.
    for who in range(8):
        place(honest, 0, 7_000, who)
        place(honest, 1, 14_000, who)
    for who in range(7):
        place(crooked, 0, 7_200, who)
    code, (head, *alerts), said = ask()
    assert code == 0 and alerts == [] and "23 bets on 2 markets looked at; alerts: 0" in said
    # The eighth bet is the one that is enough; the server is still running.
    place(crooked, 0, 7_200, 7)
    code, (head, *alerts), said = ask()
    assert "24 bets on 2 markets looked at; alerts: 1" in said and len(alerts) == 1, said
    alert = dict(zip(head, alerts[0]))
    assert (alert["market"], alert["match"], alert["name"], alert["selection"], alert["money"]) == (crooked, "Ada 2 v Bea", "Winner", "Ada 2", "demo")
    assert alert["signs"] == "one_sided,new_accounts" and alert["times its price"] == "3.00" and alert["first price"] == "3.00"
    assert (alert["bets"], alert["stakes"], alert["of the market's"], alert["new accounts'"]) == ("8", "57600", "57600", "57600")
    assert len(set(alert["accounts"].split(","))) == 8
    # Every bet on one market; no alert of another one.
    code, told, _ = ask("--market", honest)
    at = told.index([""])
    assert told[0] == head and at == 1 and told[2][:4] == ["record", "time", "bet", "account"] and len(told) == 3 + 16
    assert {(line[5], line[6], line[7]) for line in told[3:]} == {("Ada 1", "3.00", "7000"), ("Bea", "1.50", "14000")}
    # What is looked at can be said otherwise.
    assert ask("--times", "5")[1] == [head] and ask("--accounts", "9")[1] == [head] and ask("--window", "1", "--stakes", "57601")[1] == [head]
    for wrong, words in ((["--market", "7"], "No bet was taken on market 7"), (["--window", "0"], "--window is from 1"), (["--times", "x"], "whole number")):
        code, told, said = ask(*wrong)
        assert code != 0 and told == [] and words in said
    assert server.stop() == 0
    assert ask()[1] == [head, list(alert.values())]
