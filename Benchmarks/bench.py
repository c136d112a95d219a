#!/usr/bin/env python3
"""Runs every benchmark beside its peer, taking turns, and writes bench.json and BENCHMARKS.md.

usage: bench.py [ROUNDS [PART...]]      (3; medians over rounds; parts engine, settlement, durable, keeping, floor, socket, edge, start: these alone, and only their rows are written anew)

Peers are looked for in ../shared/peers; a row without its peer has no ratio. Ratios are ours to theirs: more is better.
"""

import json
import os
import pathlib
import re
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / ".build" / "release" / "grandstand-bench"
SERVER = ROOT / ".build" / "release" / "grandstand"
PEERS = ROOT.parent / "shared" / "peers"
WORK = pathlib.Path(tempfile.mkdtemp(prefix="bench.", dir="/var/tmp"))
ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
PARTS = sys.argv[2:]
TICK = os.sysconf("SC_CLK_TCK")
rows = []


def say(text):
    print(text, file=sys.stderr, flush=True)


def run(*command, env=None, timeout=600):
    answer = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout, env={**os.environ, **(env or {})})
    if answer.returncode:
        raise RuntimeError(f"{command}: {answer.stdout}{answer.stderr}")
    return answer.stdout


def last_json(text):
    return json.loads([line for line in text.splitlines() if line.startswith("{")][-1])


def row(name, value, unit, peer=None, peer_value=None, ratio=None, instructions=None):
    rows.append(dict(name=name, value=round(value, 3), unit=unit, peer=peer, peerValue=None if peer_value is None else round(peer_value, 3),
                     ratio=None if ratio is None else round(ratio, 3), instructions=instructions))
    say(f"  {name}: {value:.2f} {unit}" + (f", {peer} {peer_value:.2f}, ratio {ratio:.2f}" if ratio is not None else ""))


def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICK


def wait_for(url):
    for _ in range(400):
        try:
            # A certificate that was made for this run is nobody's proof.
            urllib.request.urlopen(url, timeout=1, context=ssl._create_unverified_context())
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.01)
    raise RuntimeError(f"{url} does not answer")


def median(values):
    return statistics.median(values)


# Peers that can be built here

def build_peers():
    found = {}
    engine = PEERS / "engine" / "engine.c"
    if engine.exists():
        for name in ("engine", "rawlog"):
            run("gcc", "-O3", "-march=native", "-std=gnu11", "-o", WORK / name, PEERS / "engine" / f"{name}.c", "-lpthread")
            found[name] = WORK / name
    if (PEERS / "edge" / "build.sh").exists():
        try:
            run("bash", PEERS / "edge" / "build.sh", WORK / "edge")
            found["wsload"], found["uws"] = WORK / "edge" / "wsload", WORK / "edge" / "uwspeer"
        except RuntimeError as error:
            say(f"the WebSocket peer could not be built: {error}")
    return found


def directory(name):
    path = WORK / name
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    return path


# Instructions: counted on one thread, as the difference between N and 2N.

def instructions(what, most=20_000):
    """Instructions of one piece of work: the difference of two runs that differ in nothing else."""
    if not shutil.which("valgrind"):
        return None
    stripped = WORK / "stripped"
    if not stripped.exists():
        # valgrind 3.19 cannot read the debug information that Swift writes.
        run("strip", "-g", "-o", stripped, BENCH)

    def count(pieces):
        text = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={WORK}/callgrind.out", str(stripped), "count", what, str(pieces)],
                              capture_output=True, text=True).stderr
        return int(re.search(r"Collected : (\d+)", text).group(1))

    return round((count(most) - count(most // 2)) / (most // 2))


def engine_rows(peers):
    say("engine")
    counted = instructions("apply")
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(last_json(run(BENCH, "apply", 1_000_000))["ns"])
        if "engine" in peers:
            stages = [json.loads(l) for l in run(peers["engine"], "cpu", 100_000, 1_000_000).splitlines()]
            theirs.append(next(s["ns_per_bet"] for s in stages if s["stage"] == "apply+event"))
    peer = median(theirs) if theirs else None
    row("apply", median(ours), "ns/bet", "C reference, apply+event" if peer else None, peer, peer / median(ours) if peer else None, counted)
    run("gcc", "-shared", "-fPIC", "-O2", "-o", WORK / "count.so", ROOT / "Benchmarks" / "malloc_count.c")
    row("apply-mallocs", last_json(run(BENCH, "apply", 200_000, env={"LD_PRELOAD": str(WORK / "count.so")}))["mallocs"], "mallocs/bet")
    row("open-bet-bytes", last_json(run(BENCH, "memory"))["bytes"], "bytes")


def settlement_rows(_):
    say("settlement")
    counted = instructions("goliath", 2000)
    orders = run(ROOT / ".build/release/grandstand", "sim", "--permutations", 200_000)
    row("permutations-minute", int(re.search(r"\((\d+) a minute\)", orders).group(1)), "histories/min")
    row("goliath-us", median([last_json(run(BENCH, "goliath", 20_000))["us"] for _ in range(ROUNDS)]), "us/bet", instructions=counted)


    taken = []
    for _ in range(ROUNDS):
        taken.append(last_json(run(BENCH, "settle", directory("settle"), 1_000_000)))
        shutil.rmtree(WORK / "settle")
    row("settle-million-seconds", median([t["seconds"] for t in taken]), "s")
    quiet, during = (median([t[k] for t in taken]) for k in ("p99_quiet_us", "p99_us"))
    row("settle-million-p99", during, "us", "without settling", quiet, quiet / during)


def durable_rows(peers):
    say("durable")
    per_bet = instructions("durable")
    ours = {k: [] for k in (1, 8, 64, 1024, 8192)}
    theirs = {k: [] for k in ours}
    raw = {1: [], 128: []}
    for _ in range(ROUNDS):
        for clients in ours:
            ours[clients].append(last_json(run(BENCH, "durable", directory("ours"), clients, 2)))
            shutil.rmtree(WORK / "ours")
        if "engine" in peers:
            for line in run(peers["engine"], "durable", WORK, 1).splitlines():
                one = json.loads(line)
                if one.get("mode") == "serial_direct_dsync" and one["clients"] in theirs:
                    theirs[one["clients"]].append(one)
        if "rawlog" in peers:
            for line in run(peers["rawlog"], WORK, 0.5).splitlines():
                one = json.loads(line)
                if one["mode"] == "direct_dsync" and one["batch"] == 1:
                    raw[1].append(one)
                # 64 bets of 512 bytes are a block of 32 KiB: between the raw log's 64 and 256 records, nearer to 64.
                if one["mode"] == "direct_dsync" and one["batch"] == 64:
                    raw[128].append(one)

    def m(values, key):
        return median([v[key] for v in values]) if values else None

    commits, syncs = m(ours[1], "commits_per_s"), m(raw[1], "syncs_per_s")
    row("durable-1", commits, "commits/s", "raw log" if syncs else None, syncs, commits / syncs if syncs else None)
    for clients in ours:
        mine, peer = m(ours[clients], "bets_per_s"), m(theirs[clients], "bets_per_s")
        row("durable-1-c" if clients == 1 else f"durable-{clients}", mine, "bets/s", "C reference, one thread" if peer else None, peer, mine / peer if peer else None,
            per_bet if clients == 64 else None)
    mine, peer = m(ours[64], "p99_us"), m(raw[128], "p99_us")
    row("durable-64-p99", mine, "us", "raw log, 16 KiB" if peer else None, peer, peer / mine if peer else None)
    postgres_row(m(ours[64], "bets_per_s"))


def postgres_row(bets):
    """The same placement as one PL/pgSQL transaction; needs PostgreSQL and the peers."""
    script = PEERS / "engine" / "pg.sh"
    theirs = []
    if script.exists() and list(pathlib.Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        for _ in range(ROUNDS):
            text = run("bash", script, 3, 1, "64", env={"TMPBASE": "/var/tmp"})
            theirs += [json.loads(line)["tps"] for line in text.splitlines() if '"place_bet"' in line and '"clients":64' in line]
    peer = median(theirs) if theirs else None
    row("postgres-64", bets, "bets/s", "PostgreSQL, place_bet() at 64 clients" if peer else None, peer, bets / peer if peer else None)


def keeping_rows(peers):
    """What an engine keeps, and its manners under too much."""
    say("keeping")
    row("settled-growth-percent", last_json(run(BENCH, "settled", 10_000_000))["percent"], "%")
    recovered, replayed = [], []
    for _ in range(ROUNDS):
        recovered.append(last_json(run(BENCH, "recovery", directory("recovery"), 10_000_000))["bets_per_s"])
        shutil.rmtree(WORK / "recovery")
        if "engine" in peers:
            # The first pass is cold, as a start is.
            replayed.append(json.loads(run(peers["engine"], "replay", directory("replay"), 10_000_000).splitlines()[0])["bets_per_s"])
            shutil.rmtree(WORK / "replay")
    peer = median(replayed) if replayed else None
    row("recovery-c", median(recovered), "bets/s", "C reference, replay" if peer else None, peer, median(recovered) / peer if peer else None,
        (instructions("replay") or 0) - (instructions("durable") or 0))
    row("recovery-10m-seconds", 10_000_000 / median(recovered), "s")
    taken = []
    # Five, since one time that the machine is taken away decides a longest pause.
    for _ in range(max(5, ROUNDS)):
        taken.append(last_json(run(BENCH, "snapshot", directory("snapshot"), 2_000_000)))
        shutil.rmtree(WORK / "snapshot")
    row("snapshot-load", median([t["load_rows_per_s"] for t in taken]), "rows/s")
    row("snapshot-pause-ms", median([t["pause_ms"] for t in taken]), "ms")
    quiet, during = (median([t[k] for t in taken]) for k in ("p99_quiet_us", "p99_snapshot_us"))
    row("snapshot-p99", during, "us", "without a snapshot", quiet, quiet / during)
    loads = []
    for _ in range(ROUNDS):
        loads.append(last_json(run(BENCH, "overload", directory("overload"), 2, 1024)))
        shutil.rmtree(WORK / "overload")
    if any(load["undecided"] for load in loads):
        raise RuntimeError("bets that were taken were not decided")
    most, accepted = (median([load[k] for load in loads]) for k in ("most", "accepted"))
    row("overload-accepted", accepted, "bets/s", "the most it takes", most, accepted / most)
    easy, hard = (median([load[k] for load in loads]) for k in ("easy_p99_us", "p99_us"))
    row("overload-p99", hard, "us", "at 80 % load", easy, easy / hard)
    row("busy-p99", median([load["busy_p99_us"] for load in loads]), "us")
    rates = []
    for _ in range(ROUNDS):
        text = run(SERVER, "sim", "--seeds", "1..1500", "--jobs", 1)
        rates.append(int(re.findall(r"\((\d+) a second\)", text)[-1]))
    row("simulation", median(rates), "commands/s and core")


class Process:
    def __init__(self, *command, url, output=subprocess.DEVNULL):
        self.child = subprocess.Popen([str(c) for c in command], stdout=output, stderr=subprocess.DEVNULL)
        wait_for(url)

    def __enter__(self):
        return self.child.pid

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()


def nginx(at, chain=None, key=None):
    """nginx with its shortest answer on /hello; with a certificate, over TLS and HTTP/2."""
    encrypted = f"ssl_certificate {chain}; ssl_certificate_key {key}; http2_max_concurrent_streams 128;" if chain else ""
    config = WORK / "nginx.conf"
    config.write_text(f"""worker_processes 1; daemon off; master_process off; pid {WORK}/nginx.pid; error_log {WORK}/nginx.err;
events {{ worker_connections 4096; use epoll; }}
http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 3600;
 server {{ listen 127.0.0.1:{at}{" ssl http2" if chain else ""}; {encrypted} location = /hello {{ default_type application/json; return 200 '{{"message":"Hello, world!"}}'; }} }} }}""")
    return Process("nginx", "-c", config, url=f"{'https' if chain else 'http'}://127.0.0.1:{at}/hello")


def requests_per_cpu_second(pid, command, pattern):
    before = cpu_seconds(pid)
    requests = int(re.search(pattern, run(*command)).group(1))
    return requests / (cpu_seconds(pid) - before)


def wrk(at, path):
    return ("wrk", "-t1", "-c64", "-d2", f"http://127.0.0.1:{at}{path}"), r"(\d+) requests in"


def floor_rows(peers):
    say("the network floor")
    per_frame = instructions("frame")
    for clients in (64, 256) if "uws" in peers else ():
        mine, peer = [], []
        for _ in range(ROUNDS):
            for binary, into in ((BENCH, mine), (peers["uws"], peer)):
                at = port()
                command = (binary, "echo", at) if binary is BENCH else (binary, at)
                with Process(*command, url=f"http://127.0.0.1:{at}/hello") as pid:
                    answer = last_json(run(peers["wsload"], "echo", "-p", at, "-P", "/ws", "-c", clients, "-d", 2, "-s", 200, "-i", pid))
                    into.append(1e6 / answer["server_cpu_us_per_msg"])
        row(f"echo-{clients}", median(mine), "round trips/CPU-s", "uWebSockets", median(peer), median(mine) / median(peer),
            per_frame if clients == 64 else None)
    if "wsload" in peers:
        at = port()
        with Process(BENCH, "echo", at, url=f"http://127.0.0.1:{at}/hello") as pid:
            idle = last_json(run(peers["wsload"], "idle", "-p", at, "-P", "/ws", "-c", 5000, "-d", 1, "-i", pid))["rss_kb_per_conn"] * 1024
        row("idle-socket-bytes", idle, "bytes")
    if "uws" in peers:
        # The project's load client drives the same peer as the reference client does: what it measures is not its own limit.
        mine, peer = [], []
        for _ in range(ROUNDS):
            at = port()
            with Process(peers["uws"], at, url=f"http://127.0.0.1:{at}/hello"):
                mine.append(last_json(run(BENCH, "load", "echo", at, 64, 2))["rps"])
                peer.append(last_json(run(peers["wsload"], "echo", "-p", at, "-P", "/ws", "-c", 64, "-d", 2, "-s", 200))["rps"])
        row("load-client", median(mine), "round trips/s", "wsload, same peer", median(peer), median(mine) / median(peer))
    if not shutil.which("nginx") or not shutil.which("wrk"):
        return
    mine, peer = [], []
    for _ in range(ROUNDS):
        for ours in (True, False):
            at = port()
            server = Process(BENCH, "echo", at, url=f"http://127.0.0.1:{at}/hello") if ours else nginx(at)
            with server as pid:
                (mine if ours else peer).append(requests_per_cpu_second(pid, *wrk(at, "/hello")))
    row("http-27", median(mine), "requests/CPU-s", "nginx", median(peer), median(mine) / median(peer), instructions("request"))


def project(data):
    """Bets per second of making the projections from nothing."""
    records = run(SERVER, "journal", "stats", data)
    bets = int(re.search(r"^placed: (\d+) records", records, re.M).group(1))
    began = time.monotonic()
    run(SERVER, "journal", "project", data)
    return bets / (time.monotonic() - began)


def socket_rows(peers):
    say("bets over a WebSocket")
    projected = []
    for clients in (64, 256):
        mine, peer, waits = [], [], ([], [])
        for _ in range(ROUNDS):
            at = port()
            data = directory("serve")
            with Process(SERVER, "serve", "--data", data, "--listen", f"127.0.0.1:{at}", "--desk-listen", f"127.0.0.1:{port()}",
                         "--match-seconds", "4000", "--demo-grant", "1000000000", "--demo-accounts", "100000", "--liability-limit", "10000000000",
                         "--segment-bytes", str(256 << 20), *UNLIMITED, url=f"http://127.0.0.1:{at}/health/ready"):
                time.sleep(1.5)
                answer = last_json(run(BENCH, "load", "bet", at, clients, 3))
                if answer["refused"]:
                    raise RuntimeError(f"{answer['refused']} bets of the benchmark were refused")
                mine.append(answer["rps"])
                waits[0].append(answer["p99_us"])
            if clients == 256:
                projected.append(project(data))
            if "uws" in peers:
                at = port()
                with Process(peers["uws"], at, url=f"http://127.0.0.1:{at}/hello"):
                    answer = last_json(run(BENCH, "load", "echo", at, clients, 3))
                    peer.append(answer["rps"])
                    waits[1].append(answer["p99_us"])
        theirs = median(peer) if peer else None
        row(f"bet-socket-{clients}", median(mine), "bets/s", "uWebSockets echo, same client" if peer else None, theirs, median(mine) / theirs if peer else None)
        if clients == 256:
            quick, slow = (median(w) if w else None for w in reversed(waits))
            row("bet-socket-256-p99", slow, "us", "uWebSockets echo, same client" if quick else None, quick, quick / slow if quick else None)
    row("projection", median(projected), "bets/s")


# One client is one user here: its rate is counted like everybody's, and set so that it is never met.
UNLIMITED = ("--requests-per-second", "1000000", "--requests-burst", "1000000")


def quiet_feed():
    """A feed that says one market and falls silent: whatever changes after it, the benchmark did."""
    now = int(time.time() * 1000)
    lines = [
        {"time": now, "type": "fixture", "id": "m1", "sport": "football", "competition": "Cup", "home": "A", "away": "B", "scheduled": now + 3_600_000},
        {"time": now, "type": "market", "id": "m1/mo", "fixture": "m1", "kind": "match_odds", "name": "Match result", "winners": 1, "delay": 5000,
         "selections": [{"id": 1, "name": "A"}, {"id": 2, "name": "Draw"}, {"id": 3, "name": "B"}]}]
    path = WORK / "feed.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def fan_out_ours(clients, rounds, stopped=0):
    """The desk shuts and opens a market; every version goes to every client. One loop, as the peers have one thread."""
    at, desk = port(), port()
    data = directory("fan")
    log = open(WORK / "fan.log", "w+")
    with Process(SERVER, "serve", "--data", data, "--listen", f"127.0.0.1:{at}", "--desk-listen", f"127.0.0.1:{desk}", "--feed", quiet_feed(),
                 "--stale-after", "180000", "--loops", "1", *UNLIMITED, url=f"http://127.0.0.1:{at}/health/ready", output=log) as pid:
        time.sleep(1)
        code = re.search(r"\d{4}-\d{4}-\d{4}", pathlib.Path(log.name).read_text()).group(0)
        request = urllib.request.Request(f"http://127.0.0.1:{desk}/api/v1/sign-in", json.dumps({"code": code}).encode(),
                                         {"Content-Type": "application/json", "Origin": f"http://127.0.0.1:{desk}"})
        cookie = urllib.request.urlopen(request).headers["Set-Cookie"].split(";")[0]
        return last_json(run(BENCH, "load", "fan-market", at, clients, rounds, pid, desk, 0, cookie, stopped))


def fan_out_nchan(clients, rounds):
    at = port()
    config = WORK / "nchan.conf"
    config.write_text(f"""load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
worker_processes 1; worker_rlimit_nofile 19000; daemon off; master_process off; pid {WORK}/nchan.pid; error_log {WORK}/nchan.err warn;
events {{ worker_connections 18000; multi_accept on; use epoll; }}
http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 3600; nchan_shared_memory_size 512M;
 server {{ listen 127.0.0.1:{at} backlog=4096;
  location = /hello {{ return 200 'hello'; }}
  location = /pub {{ nchan_publisher http; nchan_channel_id t; nchan_message_buffer_length 0; nchan_store_messages off; }}
  location = /sub {{ nchan_subscriber websocket; nchan_channel_id t; nchan_subscriber_first_message newest; }} }} }}""")
    with Process("nginx", "-c", config, url=f"http://127.0.0.1:{at}/hello") as pid:
        return last_json(run(BENCH, "load", "fan", at, clients, rounds, pid, 200))


def edge_rows(peers):
    say("the edge")
    clients, rounds = 10_000, 30
    ours, uws, nchan, stopped = [], [], [], []
    has_nchan = os.path.exists("/usr/lib/nginx/modules/ngx_nchan_module.so")
    for _ in range(ROUNDS):
        ours.append(fan_out_ours(clients, rounds))
        if "uws" in peers:
            at = port()
            with Process(peers["uws"], at, url=f"http://127.0.0.1:{at}/hello") as pid:
                uws.append(last_json(run(BENCH, "load", "fan", at, clients, rounds, pid, 200)))
        if has_nchan:
            nchan.append(fan_out_nchan(clients, rounds))
        stopped.append(fan_out_ours(clients, rounds, clients // 20))

    def of(runs, key):
        return median([one[key] for one in runs])
    rate = of(ours, "deliveries_per_cpu_s")
    for name, peer, runs in (("fan-out", "uWebSockets, same client", uws), ("fan-out-nchan", "nginx nchan, same client", nchan)):
        if runs:
            row(name, rate, "deliveries/CPU-s", peer, of(runs, "deliveries_per_cpu_s"), rate / of(runs, "deliveries_per_cpu_s"))
    last = of(ours, "last_p99_ms")
    best = min((of(runs, "last_p99_ms") for runs in (uws, nchan) if runs), default=None)
    row("fan-out-last", last, "ms, p99", "the better of the two" if best else None, best, best / last if best else None)
    row("stopped-clients", of(stopped, "p99_ms"), "ms, p99 with 5 % stopped", "ours with none stopped", of(ours, "p99_ms"), of(ours, "p99_ms") / of(stopped, "p99_ms"))


def rest_rows(_):
    """A market's price as REST has it, a handler that waits, and the price over TLS and HTTP/2; each beside nginx's shortest answer."""
    say("REST")
    if not shutil.which("nginx") or not shutil.which("wrk") or not shutil.which("h2load"):
        return
    key, chain, both = (WORK / name for name in ("key.pem", "chain.pem", "both.pem"))
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", chain, "-days", 2,
        "-subj", "/CN=localhost")
    both.write_text(chain.read_text() + key.read_text())
    def ours(at, secure):
        return Process(SERVER, "serve", "--data", directory("rest"), "--listen", f"127.0.0.1:{at}", "--desk-listen", f"127.0.0.1:{port()}", "--feed", quiet_feed(),
                       "--stale-after", "180000", "--loops", "1", *(("--tls-certificates", both) if secure else ()), *UNLIMITED,
                       url=f"{'https' if secure else 'http'}://127.0.0.1:{at}/health/ready")

    def h2load(at, path):
        return ("h2load", "-t1", "-c16", "-m32", "-D2", f"https://127.0.0.1:{at}{path}"), r"(\d+) succeeded"

    for name, path, secure, load in (("rest-hot", "/api/v1/markets/0", False, wrk), ("rest-async", "/later", False, wrk),
                                     ("rest-h2", "/api/v1/markets/0", True, h2load)):
        mine, theirs = [], []
        for _ in range(ROUNDS):
            at = port()
            server = Process(BENCH, "echo", at, url=f"http://127.0.0.1:{at}/hello") if name == "rest-async" else ours(at, secure)
            with server as pid:
                time.sleep(1)
                mine.append(requests_per_cpu_second(pid, *load(at, path)))
            at = port()
            with nginx(at, *((chain, key) if secure else ())) as pid:
                theirs.append(requests_per_cpu_second(pid, *load(at, "/hello")))
        row(name, median(mine), "requests/CPU-s", "nginx, return" + (", h2load" if secure else ""), median(theirs), median(mine) / median(theirs))


def crowd(profile, users, seconds, rate):
    """The project's own crowd of punters on a server of their own."""
    at = port()
    with Process(SERVER, "serve", "--data", directory("crowd"), "--listen", f"127.0.0.1:{at}", "--desk-listen", f"127.0.0.1:{port()}",
                 "--match-seconds", "4000", "--demo-grant", "1000000000", "--demo-accounts", "1000000", "--liability-limit", "10000000000", *UNLIMITED,
                 url=f"http://127.0.0.1:{at}/health/ready") as pid:
        time.sleep(1.5)
        return last_json(run(BENCH, "load", profile, at, users, seconds, rate, pid))


def crowd_rows(_):
    say("crowds")
    row("idle-signed-in-bytes", median([crowd("idle", 10_000, 1, 1)["bytes_per_connection"] for _ in range(ROUNDS)]), "bytes")
    storms = [crowd("storm", 10_000, 12, 500) for _ in range(ROUNDS)]
    if any(storm["cut_off"] or storm["reconnect_s"] is None or storm["answered"] != storm["asked"] for storm in storms):
        raise RuntimeError(f"somebody was left out of a storm: {storms}")
    row("reconnect-seconds", median([storm["reconnect_s"] for storm in storms]), "s")
    row("reconnect-bet-p99", median([storm["bets"]["p99_ms"] for storm in storms]), "ms")
    for profile, users, rate in (("steady", 2000, 2000), ("surge", 2000, 1000), ("goal", 5000, 500), ("slow", 2000, 2000)):
        runs = [crowd(profile, users, 6, rate) for _ in range(ROUNDS)]
        if any(one["answered"] != one["asked"] for one in runs):
            raise RuntimeError(f"questions were left unanswered: {runs}")
        row(f"crowd-{profile}-bet-p99", median([one["bets"]["p99_ms"] for one in runs]), "ms")


def start_row(_):
    """From the start of the program to the first open market that a client can read."""
    took = []
    for _ in range(ROUNDS):
        at, began = port(), time.monotonic()
        with Process(SERVER, "serve", "--data", directory("start"), "--listen", f"127.0.0.1:{at}", "--desk-listen", f"127.0.0.1:{port()}",
                     url=f"http://127.0.0.1:{at}/health/ready"):
            while True:
                try:
                    if b'"open"' in urllib.request.urlopen(f"http://127.0.0.1:{at}/api/v1/fixtures/0").read():
                        break
                except urllib.error.HTTPError:
                    pass
                time.sleep(0.005)
            took.append(time.monotonic() - began)
    row("first-price-seconds", median(took), "s")


def machine():
    cpu = next(l.split(":")[1].strip() for l in open("/proc/cpuinfo") if l.startswith("model name"))
    return f"{cpu}, {os.cpu_count()} cores, Linux {os.uname().release}"


def write(peers):
    (ROOT / "bench.json").write_text(json.dumps(rows, indent=1) + "\n")
    lines = ["# Benchmarks", "", f"`make bench` on {time.strftime('%Y-%m-%d')}, {machine()}. Medians over {ROUNDS} rounds, ours and the peer taking turns.",
             "Ratios are ours to the peer's, so that more is better; only ratios of one run carry over. Instructions are counted by callgrind and repeat.", "",
             "| row | ours | unit | peer | peer's | ratio | instructions |", "|---|---|---|---|---|---|---|"]
    for r in rows:
        lines.append(f"| {r['name']} | {r['value']:,} | {r['unit']} | {r['peer'] or ''} | {'' if r['peerValue'] is None else format(r['peerValue'], ',')} "
                     f"| {'' if r['ratio'] is None else r['ratio']} | {'' if r['instructions'] is None else format(r['instructions'], ',')} |")
    lines += ["", "Commands: `grandstand-bench apply|memory|durable|recovery|settled|snapshot|overload|count|echo|load` (Benchmarks/Sources), run by Benchmarks/bench.py.",
              "Instructions are a bet's for `apply`, `durable-64` and `recovery-c`, a frame's for `echo-64` and a request's for `http-27`: our own code and what it calls, without the kernel.",
              "`projection` reads the journal from its beginning and makes all rows; while bets come in, rows follow at the idle class and may be behind (docs/decisions/0006).",
              "`goliath-us` is the processor's time of settling one system of 247 lines: the walk, the algebra, the books and the record; its instructions are those from placing it to its payout, over eight markets.",
              "`permutations-minute` plays what suppliers say of a few bets in one more order, decided by the engine and by the judge: `grandstand sim --permutations 200000`.",
              "`apply` decides, posts, keeps the state hash and writes the outcome; the peer's row is the same stage of its own, without hash and double entry. Checksums are in the durable rows of both.",
              "`snapshot-pause-ms` is the longest slice or the freeze; the checkpoint before it is one more block. `overload-*` at an intake of 1024 slots.",
              "`fan-out`: 10,000 WebSockets on one market, which the desk shuts and opens; each version a delta of some 200 bytes to each, through journal and hub, on one loop.",
              "`rest-*`: one loop; the peer answers with a constant of 27 bytes, ours with a market of some 700, its ETag and its security fields. `rest-async` is the floor's own server.",
              "`crowd-*`, `reconnect-*`: punters signed in over WebSockets whose questions come when they come (`grandstand-bench load PROFILE`), client and server on the same two cores;",
              "latencies count from when a question was due. `reconnect-seconds`: 10,000 are cut at once and come back with their place in prices, bets and money, while 500 bets a second go on.",
              "" if peers else "No peer was found on this machine: the ratios are missing."]
    (ROOT / "BENCHMARKS.md").write_text("\n".join(lines).rstrip() + "\n")
    print("\n".join(lines[5:5 + len(rows) + 2]))


peers = build_peers()
try:
    for name, part in [("engine", engine_rows), ("settlement", settlement_rows), ("durable", durable_rows), ("keeping", keeping_rows), ("floor", floor_rows), ("socket", socket_rows), ("edge", edge_rows), ("rest", rest_rows), ("crowd", crowd_rows), ("start", start_row)]:
        if not PARTS or name in PARTS:
            part(peers)
finally:
    shutil.rmtree(WORK, ignore_errors=True)
if PARTS:
    fresh = {r["name"]: r for r in rows}
    rows = [fresh.pop(r["name"], r) for r in json.loads((ROOT / "bench.json").read_text())] + list(fresh.values())
write(peers)
