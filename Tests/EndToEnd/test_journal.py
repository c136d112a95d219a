"""A reader written from the format's description agrees with the platform, and sees what was changed."""

import struct
import subprocess

import journal_reader
import pytest
from conftest import bet, BINARY, new_id


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
