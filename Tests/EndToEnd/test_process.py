"""The program as an operator meets it: two on one directory, signals, wrong words, a failing disk."""

import asyncio
import hashlib
import json
import pathlib
import sqlite3
import subprocess
import sys
import time
import uuid

import pytest
import websockets

from conftest import bet, BINARY, new_id


def run(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=60)


def test_a_second_server_says_who_holds_the_directory(server):
    second = run("serve", "--data", str(server.directory), "--listen", "127.0.0.1:1", "--desk-listen", "127.0.0.1:2")
    assert second.returncode == 2
    assert f"pid {server.process.pid}" in second.stderr
    assert str(server.port) in second.stderr


@pytest.mark.parametrize("arguments, words", [
    ([], "COMMANDS"), (["--help"], "COMMANDS"), (["serve", "--help"], "OPTIONS"), (["feed", "--help"], "inspect"),
    (["journal", "--help"], "verify"), (["bet", "--help"], "place"), (["config", "--help"], "environment"),
])
def test_help_is_there(arguments, words):
    assert words in run(*arguments).stdout


@pytest.mark.parametrize("arguments, words", [
    (["serv"], "Did you mean `grandstand serve`"), (["serve", "--sped", "2"], "Did you mean --speed"),
    (["serve", "--loops", "many"], "whole number"), (["serve", "--speed", "abc"], "such as 20"), (["serve", "--rounding", "up"], "half-even"),
    (["serve", "--facts-win", ""], "the name of who decides"), (["serve", "--listen", "8080"], "such as 127.0.0.1:8080"),
    (["serve", "--feed", "/nowhere"], "cannot be read"), (["journal", "verify"], "which data directory"),
    (["journal", "verify", "/nowhere"], "no journal"), (["journal", "mend", "x"], "verify, dump, stats, prices, integrity, promotions, diff-rules or project"),
    (["journal", "integrity", "/nowhere"], "no journal"),
    (["feed", "play"], "which file"), (["bet", "place", "--server", "127.0.0.1:1"], "grandstand serve"),
    (["config", "--config", "/nowhere"], "cannot be read"), (["serve", "--currency", "XYZ"], "ISO 4217"),
])
def test_wrong_words_get_a_sentence(arguments, words, tmp_path):
    if arguments[0] == "serve" and len(arguments) > 1:
        arguments = [*arguments, "--data", str(tmp_path / "data")]
    answer = run(*arguments)
    assert answer.returncode != 0
    assert words in answer.stderr
    assert "Fatal" not in answer.stderr
    assert not (tmp_path / "data").exists()


def test_a_taken_port_is_named_and_nothing_is_begun(server, tmp_path):
    fresh = tmp_path / "fresh"
    for key, other, port in (("--listen", "--desk-listen", server.port), ("--desk-listen", "--listen", server.desk_port)):
        answer = run("serve", "--data", str(fresh), other, "127.0.0.1:0", key, f"127.0.0.1:{port}")
        assert answer.returncode == 2
        assert f"Cannot listen on 127.0.0.1:{port}" in answer.stderr and f"--{key[2:]}" in answer.stderr
        assert not fresh.exists()


def test_settings_come_from_file_environment_and_flags(tmp_path):
    file = tmp_path / "grandstand.conf"
    file.write_text("# ours\nmargin = 700\nmatches = 3\n")
    answer = subprocess.run([BINARY, "config", "--config", file, "--speed", "9"], capture_output=True, text=True,
                            env={"GRANDSTAND_MATCHES": "4", "PATH": "/usr/bin"})
    assert "margin = 700" in answer.stdout
    assert "matches = 4" in answer.stdout and "GRANDSTAND_MATCHES" in answer.stdout
    assert "speed = 9" in answer.stdout


@pytest.mark.parametrize("line", ["=", "= 3", "margin", "margin =", "nothing = 3"])
def test_a_line_that_is_no_setting_is_named(tmp_path, line):
    file = tmp_path / "grandstand.conf"
    file.write_text(f"# ours\n{line}\n")
    answer = subprocess.run([BINARY, "config", "--config", file], capture_output=True, text=True)
    assert answer.returncode == 2 and f"{file}" in answer.stderr and ("line 2" in answer.stderr or ":2" in answer.stderr)


def test_sigterm_drains_and_leaves_a_journal_that_verifies(server):
    cookie = server.sign_in()
    market = server.open_market()

    async def go():
        socket = await websockets.connect(server.origin.replace("http", "ws") + "/api/v1/stream",
                                          additional_headers={"Cookie": cookie}, origin=server.origin, max_queue=None)
        await socket.recv()
        # Answers may come before the pong, and more of them than the library would read by itself.
        ids = [new_id() for _ in range(50)]
        for id in ids:
            await socket.send(json.dumps({"op": "place", **bet(market, id)}))
        # The server has read them all once it answers what came after them; now they are in flight.
        await (await socket.ping())
        loop = asyncio.get_running_loop()
        stopped = loop.run_in_executor(None, server.stop)
        answered, code = set(), None
        try:
            while True:
                message = json.loads(await asyncio.wait_for(socket.recv(), 10))
                if message["type"] == "bet":
                    answered.add(message["bet"]["clientId"])
        except websockets.ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd else None
        return answered, set(ids), code, await stopped

    answered, ids, code, status = asyncio.run(go())
    assert status == 0
    assert code == 1001
    assert answered == ids
    verified = run("journal", "verify", str(server.directory))
    assert verified.returncode == 0
    dump = run("journal", "dump", str(server.directory)).stdout
    for id in answered:
        assert f"id={id}" in dump


def preloaded(tmp_path):
    shim = tmp_path / "failing_disk.so"
    source = pathlib.Path(__file__).parent / "failing_disk.c"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", shim, source, "-ldl"], check=True)
    return str(shim)


def test_a_full_disk_stops_the_intake_before_it_is_needed_and_goes_on_by_itself(make_server, tmp_path):
    full = tmp_path / "full-now"
    server = make_server("--match-seconds", "2000", "--segment-bytes", str(2 << 20),
                         env={"LD_PRELOAD": preloaded(tmp_path), "FULL_WHEN": str(full)})
    cookie = server.sign_in()
    market = server.open_market()
    assert server.call("POST", "/api/v1/bets", bet(market, new_id()), cookie)[0] == 201
    full.touch()
    refused = None
    for _ in range(20_000):
        good = bet(server.open_market(), new_id(), stake=10)
        status, answer, _ = server.call("POST", "/api/v1/bets", good, cookie)
        if status == 503:
            refused = answer
            break
    assert refused["code"] == "no_space"
    assert server.process.poll() is None
    assert "journal_disk_full" in server.output()
    # The rows wait for the disk as well, and nobody stops for it.
    assert "projection_failed" in server.output()
    # What is there can still be read, and nothing of the refused bet is there.
    assert server.call("GET", f"/api/v1/bets/{good['id']}", cookie=cookie)[0] == 404
    full.unlink()
    deadline = time.monotonic() + 10
    while server.call("POST", "/api/v1/bets", good, cookie)[0] == 503 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert server.call("POST", "/api/v1/bets", good, cookie)[0] == 200
    while server.call("GET", f"/api/v1/bets/{good['id']}", cookie=cookie)[0] == 404 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert server.call("GET", f"/api/v1/bets/{good['id']}", cookie=cookie)[0] == 200
    assert server.stop() == 0
    verified = run("journal", "verify", str(server.directory))
    assert verified.returncode == 0, verified.stderr


def test_full_segments_are_digested_in_the_journal(make_server):
    server = make_server("--match-seconds", "2000", "--segment-bytes", str(2 << 20))
    cookie, market = server.sign_in(), server.open_market()
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list(server.directory.glob("journal-*.seg"))) < 5:
        server.call("POST", "/api/v1/bets", bet(market, new_id(), stake=1), cookie)
    # The desk may ask at any time whether they are as they were.
    _, _, headers = server.call("POST", "/api/v1/sign-in", {"code": server.codes()[0]}, base=server.desk)
    operator = headers["Set-Cookie"].split(";")[0]
    status, told, _ = server.call("POST", "/api/v1/verify-journal", base=server.desk, cookie=operator)
    assert status == 200 and told["segments"] >= 1 and told["problems"] == []
    first = min(server.directory.glob("journal-*.seg"))
    whole = first.read_bytes()
    first.write_bytes(whole[:8000] + bytes([whole[8000] ^ 1]) + whole[8001:])
    _, told, _ = server.call("POST", "/api/v1/verify-journal", base=server.desk, cookie=operator)
    assert len(told["problems"]) == 1 and first.name in told["problems"][0]
    first.write_bytes(whole)
    server.stop()
    verified = run("journal", "verify", str(server.directory))
    assert verified.returncode == 0, verified.stderr
    sealed = [line for line in run("journal", "dump", str(server.directory)).stdout.splitlines() if " sealed " in line]
    assert len(sealed) >= 1 and f"sealed      {len(sealed)} segments" in verified.stdout
    # An independent SHA-256 says the same.
    assert f"sha256={hashlib.sha256(first.read_bytes()).hexdigest()}" in sealed[0]


def test_a_failing_disk_stops_the_process_and_answers_nothing_of_that_block(make_server, tmp_path):
    trigger = tmp_path / "fail-now"
    server = make_server("--match-seconds", "2000", env={"LD_PRELOAD": preloaded(tmp_path), "FAIL_WHEN": str(trigger)})
    if "O_DIRECT" not in server.output():
        pytest.skip("this filesystem refuses O_DIRECT, which the shim looks for")
    cookie = server.sign_in()
    market = server.open_market()
    good = bet(market, new_id())
    assert server.call("POST", "/api/v1/bets", good, cookie)[0] == 201
    trigger.touch()
    lost = bet(market, new_id())
    with pytest.raises(Exception):
        server.call("POST", "/api/v1/bets", lost, cookie)
    assert server.process.wait(timeout=10) == 74
    assert "Input/output error" in server.output()
    trigger.unlink()
    server.start()
    bets = server.call("GET", "/api/v1/bets", cookie=cookie)[1]["bets"]
    assert [b["clientId"] for b in bets] == [good["id"]]
    server.stop()
    assert run("journal", "verify", str(server.directory)).returncode == 0


def test_projections_are_rebuilt_from_the_journal(server):
    cookie = server.sign_in()
    market = server.open_market()
    for _ in range(5):
        server.call("POST", "/api/v1/bets", bet(market, new_id()), cookie)
    # Rows come a moment after the answers.
    deadline = time.monotonic() + 20
    while len(bets := server.call("GET", "/api/v1/bets", cookie=cookie)[1]["bets"]) < 5 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(bets) == 5
    lines = server.call("GET", "/api/v1/statement", cookie=cookie)[1]["lines"]
    assert server.stop() == 0
    assert run("journal", "project", str(server.directory)).returncode == 0
    server.start()
    again = server.call("GET", "/api/v1/bets", cookie=cookie)[1]["bets"]
    assert {b["id"] for b in again} == {b["id"] for b in bets}
    after = server.call("GET", "/api/v1/statement?limit=200", cookie=cookie)[1]["lines"]
    assert [l for l in after if l["id"] in {x["id"] for x in lines}] == lines


def test_projections_of_another_journal_are_refused(make_server, tmp_path):
    server = make_server("--match-seconds", "2000")
    server.stop()
    for segment in server.directory.glob("journal-*.seg"):
        segment.unlink()
    answer = run("serve", "--data", str(server.directory), "--listen", "127.0.0.1:0", "--desk-listen", "127.0.0.1:0")
    assert answer.returncode == 2
    assert "Restore the journal" in answer.stderr
    assert list(server.directory.glob("journal-*.seg")) == [], "a journal was begun beside existing rows"


def test_rows_of_another_journal_are_named_and_nothing_is_written(make_server, tmp_path):
    server = make_server("--match-seconds", "2000")
    server.stop()
    other = tmp_path / "other"
    process = subprocess.Popen([BINARY, "serve", "--data", other, "--listen", "127.0.0.1:0", "--desk-listen", "127.0.0.1:0"],
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while "Ctrl-C stops" not in process.stdout.readline():
        assert process.poll() is None
    time.sleep(1.5)
    process.terminate()
    assert process.wait(20) == 0
    for row in server.directory.glob("projection.sqlite*"):
        row.unlink()
    for row in other.glob("projection.sqlite*"):
        (server.directory / row.name).write_bytes(row.read_bytes())
    before = {p.name: p.read_bytes() for p in server.directory.glob("journal-*.seg")}
    answer = run("serve", "--data", str(server.directory), "--listen", "127.0.0.1:0", "--desk-listen", "127.0.0.1:0")
    assert answer.returncode == 2
    assert "journal" in answer.stderr and "Fatal" not in answer.stderr
    assert {p.name: p.read_bytes() for p in server.directory.glob("journal-*.seg")} == before


def test_what_a_journal_was_begun_with_cannot_be_configured_otherwise(make_server):
    server = make_server("--match-seconds", "2000")
    server.stop()
    answer = run("serve", "--data", str(server.directory), "--listen", "127.0.0.1:0", "--desk-listen", "127.0.0.1:0",
                 "--currency", "GBP")
    assert answer.returncode == 2
    assert "currency" in answer.stderr and "fixed" in answer.stderr


def test_an_old_id_is_never_decided_again_and_gets_its_old_answer(make_server):
    server = make_server("--matches", "4")
    cookie = server.sign_in()
    first = bet(server.open_market(), new_id(), stake=300)
    status, answer, _ = server.call("POST", "/api/v1/bets", first, cookie)
    assert status == 201
    # Nobody can wait ten minutes here: the row is told that its id was made an hour ago.
    assert server.stop() == 0
    old = uuid.UUID(int=uuid.UUID(first["id"]).int - (3_600_000 << 80))
    signed = old.int >> 64
    with sqlite3.connect(server.directory / "projection.sqlite") as database:
        database.execute("UPDATE bets SET client_high = ? WHERE bet = ?",
                         (signed - (1 << 64) if signed >> 63 else signed, int(answer["bet"]["id"])))
    server.start()
    again = {**first, "id": str(old), "validUntil": bet(server.open_market(), new_id())["validUntil"]}
    status, repeated, _ = server.call("POST", "/api/v1/bets", again, cookie)
    assert (status, repeated["bet"]["repeated"], repeated["bet"]["id"]) == (200, True, answer["bet"]["id"])
    # The simulated world of the first life was abandoned, so the stake is back; and it was not staked again.
    assert repeated["balances"]["cash"] == 100_000
    # Another bet under the id, and an id that nobody ever used.
    other = {**again, "stake": {"amount": 400, "currency": "EUR"}}
    status, refused, _ = server.call("POST", "/api/v1/bets", other, cookie)
    assert (status, refused["bet"]["refusal"]["code"]) == (422, "id_reused")
    unknown = {**again, "id": str(uuid.UUID(int=old.int + 1))}
    status, refused, _ = server.call("POST", "/api/v1/bets", unknown, cookie)
    assert (status, refused["bet"]["refusal"]["code"]) == (422, "id_outside_window")

    async def ask():
        async with websockets.connect(server.origin.replace("http", "ws") + "/api/v1/stream", origin=server.origin,
                                      additional_headers={"Cookie": cookie}) as socket:
            await socket.send(json.dumps({"op": "place", **again}))
            while True:
                message = json.loads(await asyncio.wait_for(socket.recv(), 5))
                if message["type"] == "bet":
                    return message

    told = asyncio.run(ask())
    assert (told["bet"]["id"], told["bet"]["repeated"]) == (answer["bet"]["id"], True)
    assert told["balances"]["cash"] == 100_000


def test_the_command_line_and_the_example_place_bets(server, tmp_path):
    server.open_market()
    told = subprocess.run([BINARY, "bet", "place", "--stake", "500", "--server", f"127.0.0.1:{server.port}"], cwd=tmp_path, capture_output=True, text=True, timeout=20)
    assert told.returncode == 0 and told.stdout.startswith(("open: bet", "pending: bet")), told
    example = pathlib.Path(__file__).resolve().parents[2] / "examples" / "place_bet.py"
    told = subprocess.run([sys.executable, example, f"127.0.0.1:{server.port}"], capture_output=True, text=True, timeout=20)
    assert told.returncode == 0 and "\n201 open" in told.stdout or "\n202 pending" in told.stdout, told
