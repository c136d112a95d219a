"""Snapshots of the real binary: taken while it serves, compared by another process, started from, and never believed blindly."""

import hashlib
import re
import shutil
import subprocess
import sys
import time

import pytest
from conftest import BINARY, ROOT, Server, bet, new_id

OPTIONS = ("--matches", "150", "--match-seconds", "40", "--segment-bytes", "2097152", "--snapshot-every", "1", "--keep-mebibytes", "6")


def wait_for(what, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = what()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError("it did not come")


@pytest.fixture(scope="module")
def history(tmp_path_factory):
    """A server that has taken snapshots, bet on before and after the last, dropped segments, and stopped."""
    root = tmp_path_factory.mktemp("snapshots")
    server = Server(root / "data", *OPTIONS, "--archive", str(root / "archive"), "--digests", str(root / "digests"))
    cookie = server.sign_in()
    market = server.open_market()
    first = [server.call("POST", "/api/v1/bets", bet(market, new_id()), cookie)[1] for _ in range(5)]
    wait_for(lambda: len(list((root / "archive").glob("journal-*.seg"))) > 0)
    # The seal of an early segment stands in one that is sealed itself.
    digests = root / "digests" / "segment-digests.txt"
    wait_for(lambda: digests.exists() and len(digests.read_text().splitlines()) >= 3)
    market = server.open_market()
    last = [server.call("POST", "/api/v1/bets", bet(market, new_id()), cookie)[1] for _ in range(5)]
    names = {f["home"] for f in server.call("GET", "/api/v1/fixtures")[1]["fixtures"]}
    assert server.stop() == 0
    return dict(root=root, cookie=cookie, bets=first + last, names=names, output=server.output())


def copy(history, tmp_path):
    shutil.copytree(history["root"] / "data", tmp_path / "data")
    return tmp_path / "data"


def state_hash(output, event):
    return re.findall(rf'"event":"{event}".*"state_hash":"([0-9a-f]+)"', output)[-1]


def test_a_start_from_a_snapshot_gives_the_state_that_was_left(history, tmp_path):
    server = Server(copy(history, tmp_path), *OPTIONS[:6], "--feed", "none")
    output = server.output()
    assert re.search(r'"snapshot":"[1-9]', output), output
    assert state_hash(output, "journal_recovered") == state_hash(history["output"], "stopped")
    # Names are in the journal's first segments only, and those have left.
    assert not (tmp_path / "data" / "journal-00000001.seg").exists()
    names = {f["home"] for f in server.call("GET", "/api/v1/fixtures")[1]["fixtures"]}
    assert history["names"] & names
    listed = {b["id"]: b for b in server.call("GET", "/api/v1/bets?limit=50", cookie=history["cookie"])[1]["bets"]}
    assert all(b["bet"]["id"] in listed for b in history["bets"])
    assert server.stop() == 0


def test_what_left_is_in_the_archive_as_it_was_sealed(history):
    lines = [line.split() for line in (history["root"] / "digests" / "segment-digests.txt").read_text().splitlines()]
    digests = {int(segment): digest for segment, _, digest, _, _ in lines}
    archived = list((history["root"] / "archive").glob("journal-*.seg"))
    assert archived
    for path in archived:
        assert hashlib.sha256(path.read_bytes()).hexdigest() == digests[int(path.stem.split("-")[1])]
    # The newest may have been copied and not yet let go when the server was stopped.
    assert not any((history["root"] / "data" / path.name).exists() for path in sorted(archived)[:-1])
    dump = subprocess.run([BINARY, "journal", "dump", history["root"] / "data"], capture_output=True, text=True).stdout
    assert " segments_dropped" in dump and " snapshot_kept" in dump and " checkpoint" in dump


def test_a_bet_from_before_is_told_with_the_archive_and_asked_for_without(history):
    bet_id = history["bets"][0]["bet"]["id"]
    command = [BINARY, "replay", "bet", bet_id, "--data", history["root"] / "data"]
    alone = subprocess.run(command, capture_output=True, text=True)
    assert alone.returncode == 2 and "--archive" in alone.stderr
    told = subprocess.run([*command, "--archive", history["root"] / "archive"], capture_output=True, text=True)
    assert told.returncode == 0 and f"BET {bet_id}" in told.stdout, told.stderr


def test_a_pack_proves_itself_long_after_its_seals_were_sealed(history, tmp_path):
    digests = history["root"] / "digests" / "segment-digests.txt"
    assert len(digests.read_text().splitlines()) >= 3
    for answer in (history["bets"][0], history["bets"][-1]):
        pack = tmp_path / f"{answer['bet']['id']}.html"
        told = subprocess.run([BINARY, "replay", "bet", answer["bet"]["id"], "--data", history["root"] / "data",
                               "--archive", history["root"] / "archive", "--pack", pack], capture_output=True, text=True)
        assert told.returncode == 0, told.stderr
        for arguments in ([pack], [pack, digests]):
            verified = subprocess.run([sys.executable, ROOT / "examples" / "verify_pack.py", *arguments], capture_output=True, text=True)
            assert verified.returncode == 0, verified.stderr


def test_verify_reads_the_archive_and_the_exported_digests(history, tmp_path):
    command = [BINARY, "journal", "verify", history["root"] / "data", "--archive", history["root"] / "archive"]
    whole = subprocess.run([*command, "--digests", history["root"] / "digests"], capture_output=True, text=True)
    assert whole.returncode == 0 and "from        snapshot" not in whole.stdout, whole.stderr
    shutil.copytree(history["root"] / "digests", tmp_path / "digests")
    path = tmp_path / "digests" / "segment-digests.txt"
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0][:-1] + ("0" if lines[0][-1] != "0" else "1")] + lines[1:]) + "\n")
    other = subprocess.run([*command, "--digests", tmp_path / "digests"], capture_output=True, text=True)
    assert other.returncode == 1 and "another digest" in other.stderr


def test_a_line_of_the_export_that_a_crash_cut_off_is_written_again(history, tmp_path):
    shutil.copytree(history["root"] / "digests", tmp_path / "digests")
    path = tmp_path / "digests" / "segment-digests.txt"
    whole = path.read_text()
    path.write_text(whole[:-20])
    server = Server(copy(history, tmp_path), *OPTIONS[:6], "--feed", "none", "--digests", str(tmp_path / "digests"))
    wait_for(lambda: whole.splitlines()[-1].split()[4] in path.read_text(), 20)
    assert server.stop() == 0

    def digests(text):
        return {tuple(line.split()[i] for i in (0, 2, 4)) for line in text.splitlines() if len(line.split()) == 5}
    assert digests(whole) <= digests(path.read_text())


def test_retention_without_an_archive_is_refused(tmp_path):
    answer = subprocess.run([BINARY, "serve", "--data", tmp_path / "data", "--listen", "127.0.0.1:0", "--desk-listen", "127.0.0.1:0", "--keep-days", "3"], capture_output=True, text=True, timeout=30)
    assert answer.returncode == 2 and "--archive" in answer.stderr


def test_an_archive_that_is_the_journal_itself_is_refused(tmp_path):
    data = tmp_path / "data"
    command = [BINARY, "serve", "--data", data, "--listen", "127.0.0.1:0", "--desk-listen", "127.0.0.1:0", "--keep-mebibytes", "2", "--archive", tmp_path / "data" / "." / ""]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert answer.returncode == 2 and "data directory itself" in answer.stderr
    none = subprocess.run([*command[:-1], tmp_path / "archive", "--snapshot-every", "0"], capture_output=True, text=True, timeout=30)
    assert none.returncode == 2 and "snapshot-every" in none.stderr


def test_reading_makes_nothing_and_says_what_is_not_there(history, tmp_path):
    command = [BINARY, "journal", "verify", history["root"] / "data"]
    for option in ("--archive", "--digests"):
        answer = subprocess.run([*command, option, tmp_path / "nowhere"], capture_output=True, text=True)
        assert answer.returncode == 2 and "nowhere" in answer.stderr
    assert not (tmp_path / "nowhere").exists()


def test_damage_is_seen_while_a_server_writes(history, tmp_path):
    data = copy(history, tmp_path)
    server = Server(data, *OPTIONS[:6], "--feed", "none")
    try:
        assert subprocess.run([BINARY, "journal", "verify", data], capture_output=True, text=True).returncode == 0
        listed = subprocess.run([BINARY, "snapshot", "list", data], capture_output=True, text=True).stdout
        start = min(int(segment) for segment in re.findall(r"in segment ([0-9]+) ", listed))
        # A segment that is read whole, and not the one that is written.
        damaged = [path for path in sorted(data.glob("journal-*.seg")) if start < int(path.stem.split("-")[1])][0]
        with open(damaged, "r+b") as file:
            file.seek(400_000)
            byte = file.read(1)
            file.seek(400_000)
            file.write(bytes([byte[0] ^ 1]))
        for command in ("verify", "stats", "dump"):
            answer = subprocess.run([BINARY, "journal", command, data], capture_output=True, text=True)
            assert answer.returncode == 1 and "CORRUPT" in answer.stderr, (command, answer.stdout[-500:], answer.stderr)
    finally:
        server.stop()


def test_the_archive_and_the_rest_are_one_journal_from_its_beginning(history, tmp_path):
    data = copy(history, tmp_path)
    verified = subprocess.run([BINARY, "journal", "verify", data], capture_output=True, text=True)
    assert verified.returncode == 0 and "from        snapshot" in verified.stdout
    for path in (history["root"] / "archive").glob("journal-*.seg"):
        shutil.copy(path, data)
    for path in data.glob("snapshot-*"):
        path.unlink()
    whole = subprocess.run([BINARY, "journal", "verify", data], capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr

    def last(text):
        return re.search(r"state hash +(\w+)", text)[1]
    assert last(whole.stdout) == last(verified.stdout) == state_hash(history["output"], "stopped")


def test_a_damaged_snapshot_is_passed_by_for_the_one_before(history, tmp_path):
    data = copy(history, tmp_path)
    newest = max(data.glob("snapshot-*"))
    content = bytearray(newest.read_bytes())
    content[len(content) // 2] ^= 4
    newest.write_bytes(content)
    looked = subprocess.run([BINARY, "snapshot", "verify", data], capture_output=True, text=True)
    assert looked.returncode == 1 and "UNUSABLE" in looked.stderr
    server = Server(data, *OPTIONS[:6], "--feed", "none")
    output = server.output()
    assert "snapshot_unusable" in output
    older = int(min(data.glob("snapshot-*")).stem.split("-")[1])
    assert f'"snapshot":"{older}"' in output
    assert state_hash(output, "journal_recovered") == state_hash(history["output"], "stopped")
    assert server.stop() == 0


def test_a_journal_that_lost_what_a_snapshot_saw_is_not_started(history, tmp_path):
    data = copy(history, tmp_path)
    # A backup of the journal from before the newest snapshot: its later segments are gone.
    newest = int(max(data.glob("snapshot-*")).stem.split("-")[1])
    listed = subprocess.run([BINARY, "snapshot", "list", data], capture_output=True, text=True).stdout
    segment = int(re.search(rf"{newest} .*segment (\d+)", listed)[1])
    for path in data.glob("journal-*.seg"):
        if int(path.stem.split("-")[1]) >= segment:
            path.unlink()
    answer = subprocess.run([BINARY, "serve", "--data", data, "--listen", "127.0.0.1:0", "--desk-listen", "127.0.0.1:0"],
                            capture_output=True, text=True, timeout=30)
    assert answer.returncode == 2
    assert "corrupt" in answer.stderr.lower() and "is not here" in answer.stderr


def test_without_beginning_and_without_snapshot_it_says_what_is_missing(history, tmp_path):
    data = copy(history, tmp_path)
    for path in data.glob("snapshot-*"):
        path.unlink()
    answer = subprocess.run([BINARY, "serve", "--data", data, "--listen", "127.0.0.1:0", "--desk-listen", "127.0.0.1:0"],
                            capture_output=True, text=True, timeout=30)
    assert answer.returncode == 2 and "beginning is not here" in answer.stderr


def test_another_digest_outside_is_an_alarm(history, tmp_path):
    digests = tmp_path / "digests"
    shutil.copytree(history["root"] / "digests", digests)
    path = digests / "segment-digests.txt"
    lines = path.read_text().splitlines()
    fields = lines[-1].split()
    fields[2] = fields[2][::-1]
    path.write_text("\n".join(lines[:-1] + [" ".join(fields)]) + "\n")
    server = Server(copy(history, tmp_path), *OPTIONS[:6], "--feed", "none", "--digests", str(digests))
    wait_for(lambda: "one of the two was changed" in server.output(), 20)
    assert server.stop() == 0
