"""Journals of every released version: each later one replays them to the last byte, starts on them and shows what they hold."""

import json
import pathlib
import sqlite3
import subprocess
import tarfile

import pytest
from conftest import BINARY, ROOT

ARCHIVES = sorted((ROOT / "Tests" / "Journals").glob("*.tar.xz"))


def test_there_is_one_of_every_released_version():
    # A version that gets a date in the CHANGELOG gets a journal (Tests/Journals/make.py).
    released = [line.split()[1] for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.startswith("## ") and "unreleased" not in line]
    assert set(released) <= {path.name.removesuffix(".tar.xz") for path in ARCHIVES}
    assert ARCHIVES


@pytest.mark.parametrize("path", ARCHIVES, ids=lambda path: path.name)
def test_a_journal_of_an_earlier_version_opens_and_holds_what_it_held(path, tmp_path, make_server):
    data = tmp_path / "data"
    data.mkdir()
    with tarfile.open(path) as archive:
        archive.extractall(data, filter="data")
    expected = json.loads((data / "expected.json").read_text())
    verified = subprocess.run([BINARY, "journal", "verify", data], capture_output=True, text=True)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    dump = subprocess.run([BINARY, "journal", "dump", data], capture_output=True, text=True).stdout.splitlines()
    assert len(dump) == expected["records"]
    assert sorted({line.split()[2] for line in dump}) == expected["kinds"]
    server = make_server("--feed", "none")
    assert server.stop() == 0
    with sqlite3.connect(data / "projection.sqlite") as rows:
        status = {1: "pending", 2: "open", 3: "refused", 4: "settled"}
        held = {str(bet): [status[state], payout] for bet, state, payout in rows.execute("SELECT bet, status, payout FROM bets")}
    assert {bet: held[bet] for bet in expected["bets"]} == expected["bets"]
    # Each bet that it holds can still be told.
    for bet in expected["bets"]:
        told = subprocess.run([BINARY, "replay", "bet", bet, "--data", data], capture_output=True, text=True)
        assert told.returncode == 0 and f"BET {bet}" in told.stdout, told.stderr
