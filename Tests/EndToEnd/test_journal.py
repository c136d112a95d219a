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
