"""Faults of a real machine against the real server: stopped, killed while it takes a snapshot, on a full filesystem, on a slow disk, under a
clock that jumps. `make faults` runs these and more rounds of the kill loop."""

import concurrent.futures
import os
import pathlib
import random
import re
import signal
import subprocess
import time

import pytest
from conftest import BINARY, Server, bet, new_id

ROUNDS = int(os.environ.get("FAULT_ROUNDS", "1"))


@pytest.fixture
def shim(tmp_path):
    built = tmp_path / "faults.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", built, pathlib.Path(__file__).parent / "faults.c", "-ldl"], check=True)
    return {"LD_PRELOAD": str(built), "SLOW_WHEN": str(tmp_path / "slow"), "CLOCK_OFF": str(tmp_path / "off")}


def metric(server, name):
    page = server.call("GET", "/metrics", base=server.desk)[1]
    return float(re.search(rf"^{name} (\S+)", page, re.M)[1])


def resident(server):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{server.process.pid}/status").read_text())[1]) / 1024


def verified(directory):
    answer = subprocess.run([BINARY, "journal", "verify", directory], capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    return answer.stdout


def test_a_stopped_process_decides_late_bets_as_late_and_loses_none(make_server):
    server = make_server("--match-seconds", "2000", "--seed", "5")
    cookie = server.sign_in()
    for _ in range(ROUNDS * 2):
        market = server.open_market()
        bets = [bet(market, new_id(), stake=10, seconds=2) for _ in range(20)]
        os.kill(server.process.pid, signal.SIGSTOP)
        # The signal takes a moment to reach every thread.
        while any(task.read_text().rsplit(")", 1)[1].split()[0] != "T" for task in pathlib.Path(f"/proc/{server.process.pid}/task").glob("*/stat")):
            time.sleep(0.001)
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = [pool.submit(server.call, "POST", "/api/v1/bets", one, cookie) for one in bets]
            time.sleep(4)
            os.kill(server.process.pid, signal.SIGCONT)
            for answer in answers:
                status, told, _ = answer.result(timeout=20)
                assert status == 422 and told["bet"]["refusal"]["code"] == "deadline_passed", told
        # It is as good as before.
        assert server.call("POST", "/api/v1/bets", bet(server.open_market(), new_id()), cookie)[0] == 201
    assert server.stop() == 0
    verified(server.directory)


def test_killed_while_it_takes_snapshots_it_starts_from_whole_ones_only(make_server, tmp_path):
    chance = random.Random(4)
    server = make_server("--matches", "150", "--match-seconds", "60", "--segment-bytes", "2097152", "--snapshot-every", "1",
                         "--snapshot-rate", "1", "--keep-mebibytes", "6", "--archive", str(tmp_path / "archive"))
    cookie, ids = server.sign_in(), []
    for _ in range(6 * ROUNDS):
        until = time.monotonic() + chance.uniform(1, 4)
        while time.monotonic() < until:
            status, told, _ = server.call("POST", "/api/v1/bets", bet(server.open_market(), new_id(), stake=10), cookie)
            if status == 201:
                ids.append(told["bet"]["id"])
        server.kill()
        server.start()
        assert "snapshot_unusable" not in server.output()
    known = set()
    cursor = None
    while True:
        page = server.call("GET", "/api/v1/bets?limit=200" + (f"&cursor={cursor}" if cursor else ""), cookie=cookie)[1]
        known |= {row["id"] for row in page["bets"]}
        cursor = page["next"]
        if not cursor:
            break
    assert ids and set(ids) <= known
    assert server.stop() == 0
    verified(server.directory)


def test_a_snapshot_that_cannot_be_written_is_given_up_and_the_next_is_taken(make_server, tmp_path):
    built, full = tmp_path / "failing.so", tmp_path / "full"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", built, pathlib.Path(__file__).parent / "failing_disk.c", "-ldl"], check=True)
    full.touch()
    server = make_server("--matches", "150", "--match-seconds", "60", "--segment-bytes", str(2 << 20), "--snapshot-every", "1",
                         env={"LD_PRELOAD": str(built), "SNAPSHOT_FULL_WHEN": str(full)})
    deadline = time.monotonic() + 30
    while "snapshot_failed" not in server.output() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "snapshot_failed" in server.output()
    assert list(server.directory.glob("*snapshot*")) == []
    full.unlink()
    while "snapshot_kept" not in server.output() and time.monotonic() < deadline + 30:
        time.sleep(0.1)
    assert "snapshot_kept" in server.output()
    assert server.stop() == 0
    verified(server.directory)


def test_on_a_filesystem_that_is_full_nothing_is_taken_until_there_is_room(tmp_path):
    place = tmp_path / "small"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", place], capture_output=True).returncode:
        pytest.skip("this machine does not let us mount a small filesystem")
    try:
        server = Server(place / "data", "--match-seconds", "2000", "--segment-bytes", "2097152", "--snapshot-every", "0")
        cookie = server.sign_in()
        assert server.call("POST", "/api/v1/bets", bet(server.open_market(), new_id()), cookie)[0] == 201
        ballast = place / "ballast"
        # Without a buffer: what was not written would be tried again when the file is closed.
        with open(ballast, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(65_536))
            except OSError:
                pass
        refused = None
        deadline = time.monotonic() + 90
        while refused is None and time.monotonic() < deadline:
            good = bet(server.open_market(), new_id(), stake=10)
            status, told, _ = server.call("POST", "/api/v1/bets", good, cookie)
            if status == 503:
                refused = told
        assert refused and refused["code"] == "no_space", refused
        assert server.process.poll() is None
        # Reading goes on, and the room comes back.
        assert server.call("GET", "/api/v1/fixtures")[0] == 200
        ballast.unlink()
        deadline = time.monotonic() + 20
        while server.call("POST", "/api/v1/bets", good, cookie)[0] == 503 and time.monotonic() < deadline:
            time.sleep(0.2)
        assert server.call("POST", "/api/v1/bets", good, cookie)[0] == 200
        assert server.stop() == 0
        verified(server.directory)
    finally:
        if "server" in locals() and server.process.poll() is None:
            server.kill()
        subprocess.run(["umount", "-l", place])


def test_a_slow_disk_shows_in_health_and_in_busy_and_not_in_memory(make_server, shim, tmp_path):
    server = make_server("--match-seconds", "2000", "--matches", "3", "--intake-slots", "64", env=shim)
    if "O_DIRECT" not in server.output():
        pytest.skip("this filesystem refuses O_DIRECT, which the shim looks for")
    cookie = server.sign_in()
    market = server.open_market()
    assert server.call("POST", "/api/v1/bets", bet(market, new_id(), stake=10), cookie)[0] == 201
    assert metric(server, "grandstand_journal_slow") == 0
    before = resident(server)
    (tmp_path / "slow").write_text("80")
    answered = {}

    def place(_):
        one = bet(market, new_id(), stake=10, seconds=50)
        status, told, _ = server.call("POST", "/api/v1/bets", one, cookie)
        answered[one["id"]] = (status, told.get("code") or told["bet"].get("refusal", {}).get("code"))

    with concurrent.futures.ThreadPoolExecutor(160) as pool:
        list(pool.map(place, range(1600)))
    assert metric(server, "grandstand_journal_slow") == 1 and metric(server, "grandstand_journal_sync_seconds") > 0.05
    codes = {code for status, code in answered.values() if status != 201}
    assert codes <= {"busy", "deadline_passed"} and "busy" in codes, codes
    assert sum(status == 201 for status, _ in answered.values()) > 20
    assert resident(server) - before < 40
    (tmp_path / "slow").unlink()
    deadline = time.monotonic() + 20
    while metric(server, "grandstand_journal_slow") and time.monotonic() < deadline:
        server.call("POST", "/api/v1/bets", bet(server.open_market(), new_id(), stake=10), cookie)
    assert metric(server, "grandstand_journal_slow") == 0
    assert server.stop() == 0
    verified(server.directory)


def test_a_clock_that_jumps_shuts_what_is_in_play_and_time_goes_on(make_server, shim, tmp_path):
    server = make_server("--match-seconds", "90", "--matches", "30", "--seed", "9", env=shim)
    cookie = server.sign_in()
    server.open_market(in_play=True)
    for off in (3_600_000, -3_600_000, 0):
        (tmp_path / "off").write_text(str(off))
        time.sleep(1)
        assert server.call("POST", "/api/v1/bets", bet(server.open_market(), new_id(), stake=10, seconds=30), cookie)[0] == 201
        # Shut for recovery, and open again with what the feed says.
        assert server.open_market(in_play=True)["status"] == "open"
    assert server.stop() == 0
    dump = subprocess.run([BINARY, "journal", "dump", server.directory], capture_output=True, text=True).stdout
    times = [line.split(" ")[1] for line in dump.splitlines()]
    assert times == sorted(times)
    span = [int(t[11:13]) * 3600 + int(t[14:16]) * 60 + int(t[17:19]) for t in (times[0], times[-1])]
    assert (span[1] - span[0]) % 86_400 < 600, "the sequencer's time followed a jump"
    assert len(re.findall(r" market_state(?! cause)", dump)) >= 3
    verified(server.directory)
