"""TLS and HTTP/2 as independent clients see them: curl, h2load, OpenSSL, httpx, Chromium, and a client that misbehaves."""

import asyncio
import json
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import time

import h2.errors
import h2.events
import httpx
import pytest
from playwright.sync_api import sync_playwright

from conftest import BINARY, bet, free_port, new_id
from h2client import Ended, H2Client


def make_certificate(directory, name, *names, days=30):
    """A self-signed certificate with its key in one file; and the certificate alone."""
    key, chain, both = (directory / f"{name}.{part}.pem" for part in ("key", "chain", "both"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out", chain,
         "-days", str(days), "-subj", f"/CN={names[0]}", "-addext", "subjectAltName=" + ",".join(f"DNS:{n}" for n in names)],
        check=True, capture_output=True)
    both.write_bytes(chain.read_bytes() + key.read_bytes())
    return both, chain


def context_for(chain, **changes):
    context = ssl.create_default_context(cafile=chain)
    for key, value in changes.items():
        setattr(context, key, value)
    return context


@pytest.fixture
def certificates(tmp_path):
    directory = tmp_path / "certificates"
    directory.mkdir()
    return directory


@pytest.fixture
def make_secure(make_server, certificates):
    both, chain = make_certificate(certificates, "localhost", "localhost")

    def make(*options, more=()):
        files = ",".join(str(f) for f in (both, *more))
        server = make_server("--tls-certificates", files, *options, tls=context_for(chain))
        server.certificate = chain
        server.both = both
        return server

    return make


@pytest.fixture
def secure(make_secure):
    return make_secure("--match-seconds", "2000", "--seed", "7")


@pytest.fixture
def client(secure):
    client = H2Client(secure)
    yield client
    client.close()


def curl(server, *arguments, path="/api/v1/fixtures"):
    result = subprocess.run(
        ["curl", "-sS", "--max-time", "15", "--cacert", server.certificate, "-o", "/dev/null", "-w", "%{http_code} %{http_version} %{ssl_verify_result}",
         *arguments, server.origin + path], capture_output=True, text=True)
    return result.returncode, result.stdout, result.stderr


def shake(server, name="localhost", session=None, **changes):
    """A socket with hands shaken."""
    context = changes.pop("context", None) or context_for(server.certificate, **changes)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", server.port), timeout=10), server_hostname=name, session=session)


def read_all(sock):
    """Reads until the other side says that this was all."""
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data


# TLS


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("http, said", [("--http1.1", "1.1"), ("--http2", "2")])
def test_curl_speaks_both_versions_of_http_over_both_versions_of_tls(secure, version, http, said):
    code, text, error = curl(secure, http, "--tlsv" + version, "--tls-max", version)
    assert (code, text) == (0, f"200 {said} 0"), error


def test_what_is_older_than_tls_1_2_is_refused(secure):
    context = context_for(secure.certificate, minimum_version=ssl.TLSVersion.TLSv1_1, maximum_version=ssl.TLSVersion.TLSv1_1)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(ssl.SSLError):
        shake(secure, context=context)


def test_who_speaks_neither_of_our_protocols_is_refused(secure):
    context = context_for(secure.certificate)
    context.set_alpn_protocols(["smtp"])
    with pytest.raises(ssl.SSLError, match="no application protocol"):
        shake(secure, context=context)


def test_who_names_no_protocol_speaks_http_1_1(secure):
    with shake(secure) as sock:
        assert sock.selected_alpn_protocol() is None
        sock.sendall(f"GET /health/live HTTP/1.1\r\nhost: localhost:{secure.port}\r\nconnection: close\r\n\r\n".encode())
        assert b"live" in read_all(sock)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_is_resumed_by_its_ticket(secure, version):
    context = context_for(secure.certificate, minimum_version=version, maximum_version=version)

    def ask(session=None):
        with shake(secure, context=context, session=session) as sock:
            sock.sendall(f"GET /health/live HTTP/1.1\r\nhost: localhost:{secure.port}\r\nconnection: close\r\n\r\n".encode())
            assert b"live" in read_all(sock)
            return sock.session, sock.session_reused

    session, reused = ask()
    assert not reused
    assert session.has_ticket
    assert ask(session)[1]


def test_a_ticket_that_is_not_ours_means_a_whole_handshake_not_an_error(secure, make_secure):
    context = context_for(secure.certificate, maximum_version=ssl.TLSVersion.TLSv1_2)
    with shake(secure, context=context) as sock:
        session = sock.session
    secure.stop()
    secure.start()
    with shake(secure, context=context, session=session) as sock:
        assert not sock.session_reused


def test_nothing_is_negotiated_anew(secure):
    result = subprocess.run(
        ["openssl", "s_client", "-connect", f"127.0.0.1:{secure.port}", "-servername", "localhost", "-tls1_2", "-CAfile", secure.certificate],
        input="R\n", capture_output=True, text=True, timeout=20)
    assert "no renegotiation" in result.stderr.lower()


def test_the_certificate_goes_by_the_name_that_is_asked_for(make_secure, certificates):
    both, chain = make_certificate(certificates, "bets", "bets.example", "*.bets.example")
    server = make_secure("--feed", "none", more=[both])
    names = {"localhost": "localhost", "bets.example": "bets.example", "live.bets.example": "bets.example", "unknown.example": "localhost"}
    for asked, shown in names.items():
        context = context_for(chain, check_hostname=False, verify_mode=ssl.CERT_NONE)
        with shake(server, asked, context=context) as sock:
            names = subprocess.run(
                ["openssl", "x509", "-inform", "DER", "-noout", "-subject"], input=sock.getpeercert(binary_form=True), capture_output=True).stdout
            assert shown in names.decode()


def test_certificates_are_read_anew_without_a_restart(secure, certificates):
    def shown():
        with shake(secure, check_hostname=False, verify_mode=ssl.CERT_NONE) as sock:
            return sock.getpeercert(binary_form=True)

    def logged(event):
        deadline = time.monotonic() + 10
        while event not in secure.output():
            assert time.monotonic() < deadline, secure.output()
            time.sleep(0.05)

    before = shown()
    with shake(secure) as standing:
        fresh, _ = make_certificate(certificates, "fresh", "localhost", days=60)
        shutil.move(fresh, secure.both)
        secure.process.send_signal(signal.SIGHUP)
        logged("certificates_read")
        after = shown()
        assert after != before
        # What stands goes on.
        standing.sendall(f"GET /health/live HTTP/1.1\r\nhost: localhost:{secure.port}\r\nconnection: close\r\n\r\n".encode())
        assert b"live" in read_all(standing)
    secure.both.write_text("nothing of use")
    # By itself, too, within ten seconds.
    logged("certificates_not_read")
    assert shown() == after
    _, text, _ = secure.call("GET", "/metrics", base=secure.desk)
    assert re.search(r"grandstand_certificate_ends_seconds \d+", text)


def test_a_server_without_a_readable_certificate_says_so_and_does_not_start(make_server, tmp_path):
    (tmp_path / "empty.pem").write_text("")
    with pytest.raises(AssertionError, match="holds no certificate that can be read"):
        make_server("--tls-certificates", str(tmp_path / "empty.pem"))


def test_who_speaks_in_the_clear_to_an_encrypted_port_is_cut(secure):
    with socket.create_connection(("127.0.0.1", secure.port), timeout=10) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        assert b"HTTP/1.1 200" not in read_all(sock)


def test_cookies_and_browsers_stay_encrypted(secure):
    status, _, headers = secure.call("POST", "/api/v1/demo", headers={"Idempotency-Key": new_id()})
    assert status == 201
    assert headers["Set-Cookie"].startswith("__Host-grandstand=")
    assert "Secure" in headers["Set-Cookie"]
    assert headers["Strict-Transport-Security"] == "max-age=31536000"


def test_a_proxy_says_who_it_is_before_hands_are_shaken(tmp_path):
    both, chain = make_certificate(tmp_path, "proxied", "localhost")
    port, desk = free_port(), free_port()
    process = subprocess.Popen(
        [BINARY, "serve", "--data", tmp_path / "proxied", "--listen", f"127.0.0.1:{port}", "--desk-listen", f"127.0.0.1:{desk}", "--feed", "none",
         "--tls-certificates", both, "--proxy-protocol", "v2"], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                raw = socket.create_connection(("127.0.0.1", port), timeout=10)
                break
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        header = b"\r\n\r\n\x00\r\nQUIT\n" + b"\x21\x11" + struct.pack("!H", 12) + socket.inet_aton("203.0.113.9") + socket.inet_aton("127.0.0.1") + struct.pack("!HH", 5, port)
        # Header and hello may come in one piece: what follows the header is ciphertext already.
        context = context_for(chain)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with pytest.raises(ssl.SSLWantReadError):
            session.do_handshake()
        raw.sendall(header + outgoing.read())
        while True:
            try:
                session.do_handshake()
                break
            except ssl.SSLWantReadError:
                incoming.write(raw.recv(65536))
        session.write(f"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n".encode())
        raw.sendall(outgoing.read())
        text = b""
        while b"live" not in text:
            incoming.write(raw.recv(65536))
            try:
                text += session.read(65536)
            except ssl.SSLWantReadError:
                pass
        raw.close()
    finally:
        process.kill()
        process.wait()


# HTTP/2


def test_a_bet_is_placed_and_read_over_http_2_by_httpx(secure):
    async def run():
        async with httpx.AsyncClient(http2=True, verify=context_for(secure.certificate), base_url=secure.origin, headers={"Origin": secure.origin}) as http:
            answer = await http.post("/api/v1/demo", headers={"Idempotency-Key": new_id()})
            assert (answer.status_code, answer.http_version) == (201, "HTTP/2")
            market = secure.open_market()
            id = new_id()
            placed = await http.post("/api/v1/bets", json=bet(market, id), headers={"Idempotency-Key": f'"{id}"'})
            assert placed.status_code == 201, placed.text
            # Fifty at once over one connection, each with its own answer.
            answers = await asyncio.gather(*(http.get(f"/api/v1/bets/{id}") if n % 2 else http.get("/api/v1/statement") for n in range(50)))
            for n, answer in enumerate(answers):
                assert answer.status_code == 200
                assert ("bet" in answer.json()) == bool(n % 2)
            refused = await http.get("/api/v1/bets/nonsense")
            assert refused.status_code in (400, 404)
            assert refused.headers["content-type"] == "application/problem+json"

    asyncio.run(run())


def test_events_are_streamed_over_http_2(make_secure):
    server = make_secure("--match-seconds", "60", "--seed", "7")
    with httpx.Client(http2=True, verify=context_for(server.certificate), timeout=20) as http:
        with http.stream("GET", server.origin + "/api/v1/events?topics=fixtures") as answer:
            assert answer.http_version == "HTTP/2"
            kinds = set()
            deadline = time.monotonic() + 30
            for line in answer.iter_lines():
                assert time.monotonic() < deadline, kinds
                if line.startswith("data: "):
                    kinds.add(json.loads(line[6:])["type"])
                if {"image", "delta"} <= kinds:
                    break


def websocket_frame(text, opcode=1):
    mask = b"\x01\x02\x03\x04"
    payload = text if isinstance(text, bytes) else text.encode()
    head = bytes([0x80 | opcode]) + (bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + struct.pack("!H", len(payload)))
    return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))


def websocket_messages(data):
    """The whole messages at the beginning of what a server sent."""
    messages = []
    while len(data) >= 2:
        length, start = data[1] & 127, 2
        if length == 126:
            length, start = struct.unpack("!H", data[2:4])[0], 4
        elif length == 127:
            length, start = struct.unpack("!Q", data[2:10])[0], 10
        if len(data) < start + length:
            break
        messages.append((data[0] & 15, data[start:start + length]))
        data = data[start + length:]
    return messages


class TunnelledSocket:
    def __init__(self, client, server, headers=()):
        self.client = client
        self.stream = client.request(
            "CONNECT", "/api/v1/stream", [("sec-websocket-version", "13"), ("origin", server.origin), *headers], end=False, protocol="websocket")

    def send(self, message):
        self.client.h2.send_data(self.stream, websocket_frame(json.dumps(message)))
        self.client.flush()

    def until(self, wanted, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            data = b"".join(e.data for e in self.client.seen if isinstance(e, h2.events.DataReceived) and e.stream_id == self.stream)
            for opcode, payload in websocket_messages(data):
                if opcode == 1 and wanted(json.loads(payload)):
                    return json.loads(payload)
            self.client.turn()
        raise AssertionError("not seen")


def test_a_web_socket_goes_through_http_2_beside_requests(secure):
    cookie = secure.sign_in()
    market = secure.open_market()
    client = H2Client(secure)
    assert client.until(lambda e: isinstance(e, h2.events.RemoteSettingsChanged)).changed_settings[8].new_value == 1
    socket = TunnelledSocket(client, secure, [("cookie", cookie)])
    assert socket.until(lambda m: m["type"] == "hello")
    socket.send({"op": "subscribe", "topics": [f"market/{market['id']}", "wallet"]})
    assert socket.until(lambda m: m.get("topic") == f"market/{market['id']}" and m["type"] == "image")
    id = new_id()
    socket.send({"op": "placeBet", "ref": "1", "body": bet(market, id), "key": id})
    answer = socket.until(lambda m: m["type"] == "answer" and m.get("ref") == "1")
    assert answer["status"] == 201, answer
    # The same connection carries requests meanwhile.
    status, _, body = client.answer(client.request("GET", f"/api/v1/bets/{id}", [("cookie", cookie)]))
    assert status == 200
    assert json.loads(body)["bet"]["id"] == answer["body"]["bet"]["id"]
    # Its end is the end of its stream and of nothing else.
    client.h2.send_data(socket.stream, websocket_frame(struct.pack("!H", 1000), opcode=8))
    client.flush()
    client.until(lambda e: isinstance(e, (h2.events.StreamEnded, h2.events.StreamReset)) and e.stream_id == socket.stream)
    assert client.answer(client.request("GET", "/health/live"))[0] == 200
    client.close()


@pytest.mark.parametrize("path, method, pseudo, expected", [
    ("/api/v1/stream", "GET", {}, 400),
    ("/api/v1/fixtures", "CONNECT", {"protocol": "websocket"}, 405),
    ("/nowhere", "CONNECT", {"protocol": "websocket"}, 404),
    ("/api/v1/stream", "CONNECT", {"protocol": "ftp"}, 400),
])
def test_what_opens_no_tunnel_is_told_so(client, path, method, pseudo, expected):
    assert client.answer(client.request(method, path, [("sec-websocket-version", "13")], **pseudo))[0] == expected


def test_heads_bodies_and_hosts_are_held_against_the_bounds_of_http_1_1(client):
    def status(*arguments, **more):
        return client.answer(client.request(*arguments, **more))[0]

    assert status("GET", "/health/live", [(f"x-{n}", "y" * 100) for n in range(99)]) == 200
    assert status("GET", "/health/live", [(f"x-{n}", "y") for n in range(120)]) == 431
    assert status("GET", "/health/live", [("x", "y" * 25_000)]) == 431
    assert status("GET", "/" + "y" * 9000) == 414
    assert status("GET", "/health/live", authority="elsewhere.example") == 421
    assert status("GET", "/health/live", [("expect", "a miracle")]) == 417
    assert status("GET", "/health/live?a#b") == 400
    # The connection is none the worse for all that.
    assert status("GET", "/health/live") == 200


def test_a_body_that_grows_too_large_is_answered_and_stopped(client):
    stream = client.request("POST", "/api/v1/bets", [("content-type", "application/json")], end=False)
    sent = 0
    while sent < 200_000 and not any(isinstance(e, h2.events.StreamReset) and e.stream_id == stream for e in client.seen):
        room = min(client.h2.local_flow_control_window(stream), 16_000)
        if room > 0:
            client.h2.send_data(stream, b" " * room)
            client.flush()
            sent += room
        else:
            client.turn()
        if any(isinstance(e, h2.events.ResponseReceived) and e.stream_id == stream for e in client.seen):
            break
    client.until(lambda e: isinstance(e, h2.events.StreamReset) and e.stream_id == stream)
    assert client.answer(stream)[0] == 413
    assert client.answer(client.request("GET", "/health/live"))[0] == 200


def test_more_streams_at_once_than_agreed_are_refused(secure):
    client = H2Client(secure)
    settings = client.until(lambda e: isinstance(e, h2.events.RemoteSettingsChanged)).changed_settings
    assert settings[3].new_value == 100
    assert settings[6].new_value == 16_384
    client.close()


def misbehave(client, act, times):
    """Does it until the server has had enough, and returns the GOAWAY's code."""
    try:
        for n in range(times):
            act(n)
            if n % 50 == 0:
                client.flush()
        client.flush()
    except OSError:
        pass
    return client.until_gone()


def test_who_asks_and_takes_back_all_the_time_is_sent_away(secure, client):
    def act(_):
        stream = client.h2.get_next_available_stream_id()
        client.h2.send_headers(stream, [(":method", "GET"), (":scheme", "https"), (":authority", client.authority), (":path", "/api/v1/fixtures")], end_stream=True)
        client.h2.reset_stream(stream, h2.errors.ErrorCodes.CANCEL)

    assert misbehave(client, act, 2000) == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
    assert secure.call("GET", "/health/live")[0] == 200


def test_who_makes_us_reset_all_the_time_is_sent_away(secure, client):
    def act(_):
        stream = client.h2.get_next_available_stream_id()
        client.h2.send_headers(stream, [(":method", "GET"), (":scheme", "https"), (":authority", client.authority), (":path", "/api/v1/events")], end_stream=True)
        # A window above 2^31 - 1 is an error of the stream (RFC 9113, 6.9.1), which we then reset (CVE-2025-8671).
        client.flush()
        client.socket.sendall(struct.pack("!I", 4)[1:] + bytes([8, 0]) + struct.pack("!II", stream, 0x7FFFFFFF))

    assert misbehave(client, act, 2000) == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
    assert secure.call("GET", "/health/live")[0] == 200


@pytest.mark.parametrize("frame", [
    pytest.param(b"\x00\x00\x08\x06\x00\x00\x00\x00\x00" + b"12345678", id="pings"),
    pytest.param(b"\x00\x00\x00\x04\x00\x00\x00\x00\x00", id="settings"),
    pytest.param(b"\x00\x00\x05\x02\x00\x00\x00\x00\x01" + b"\x00\x00\x00\x00\x10", id="priorities"),
])
def test_who_only_keeps_us_busy_is_sent_away(secure, client, frame):
    def act(_):
        client.socket.sendall(frame * 10)

    assert misbehave(client, act, 600) == h2.errors.ErrorCodes.ENHANCE_YOUR_CALM
    assert secure.call("GET", "/health/live")[0] == 200


def test_a_head_that_never_ends_is_not_kept(secure, client):
    client.socket.sendall(b"\x00\x00\x01\x01\x00\x00\x00\x00\x01\x82")
    assert misbehave(client, lambda _: client.socket.sendall(b"\x00\x00\x00\x09\x00\x00\x00\x00\x01"), 20_000) is not h2.errors.ErrorCodes.NO_ERROR
    assert secure.call("GET", "/health/live")[0] == 200


def test_a_client_that_takes_nothing_slows_nobody_and_is_given_up(secure):
    stopped = H2Client(secure, seconds=45)
    stopped.h2.update_settings({4: 0})
    stopped.flush()
    stopped.until(lambda e: isinstance(e, h2.events.SettingsAcknowledged))
    asked = [stopped.request("GET", "/openapi.json") for _ in range(20)]
    began = time.monotonic()
    assert secure.call("GET", "/api/v1/fixtures")[0] == 200
    assert time.monotonic() - began < 5
    # Those beyond what a connection may have waiting are refused at once; those that were answered wait, and then end.
    first = stopped.until(lambda e: isinstance(e, h2.events.StreamReset) and e.stream_id == asked[0], seconds=45)
    assert first.error_code == h2.errors.ErrorCodes.CANCEL
    stopped.close()


def test_a_request_that_drips_in_is_given_up_however_steadily_it_drips(client):
    stream = client.request("POST", "/api/v1/bets", [("content-type", "application/json")], end=False)
    client.socket.settimeout(0.4)
    deadline = time.monotonic() + 20
    while not any(isinstance(e, h2.events.StreamReset) and e.stream_id == stream for e in client.seen):
        assert time.monotonic() < deadline
        try:
            client.turn()
        except TimeoutError:
            client.h2.send_data(stream, b" ")
            client.flush()
    assert client.answer(stream)[0] == 408


def test_a_web_socket_that_ends_hears_the_last_word(secure):
    client = H2Client(secure)
    socket = TunnelledSocket(client, secure)
    socket.until(lambda m: m["type"] == "hello")
    client.h2.send_data(socket.stream, websocket_frame(struct.pack("!H", 1000), opcode=8), end_stream=True)
    client.flush()
    client.until(lambda e: isinstance(e, h2.events.StreamEnded) and e.stream_id == socket.stream)
    data = b"".join(e.data for e in client.seen if isinstance(e, h2.events.DataReceived) and e.stream_id == socket.stream)
    assert websocket_messages(data)[-1] == (8, struct.pack("!H", 1000))
    client.close()


def test_a_key_behind_a_passphrase_is_refused_and_nobody_is_asked_for_it(make_server, certificates):
    both, chain = make_certificate(certificates, "locked", "localhost")
    key = subprocess.run(["openssl", "ec", "-in", certificates / "locked.key.pem", "-aes256", "-passout", "pass:secret"], capture_output=True, check=True).stdout
    both.write_bytes(chain.read_bytes() + key)
    with pytest.raises(AssertionError, match="without a passphrase"):
        make_server("--tls-certificates", str(both))


def test_a_server_that_stops_says_how_far_it_got_and_finishes_that(secure):
    client = H2Client(secure)
    stream = client.request("GET", "/api/v1/events?topics=fixtures")
    client.until(lambda e: isinstance(e, h2.events.DataReceived))
    secure.process.send_signal(signal.SIGTERM)
    # What was begun goes on behind the GOAWAY until it ends.
    assert client.until_gone() == h2.errors.ErrorCodes.NO_ERROR
    assert client.last_stream == stream
    assert secure.process.wait(timeout=30) == 0


@pytest.mark.skipif(shutil.which("h2load") is None, reason="h2load is not installed")
def test_h2load_finds_nothing_to_complain_about(secure):
    result = subprocess.run(
        ["h2load", "-n", "4000", "-c", "20", "-m", "10", f"https://127.0.0.1:{secure.port}/health/live", "--connect-to", f"127.0.0.1:{secure.port}"],
        capture_output=True, text=True, timeout=60)
    assert "4000 succeeded, 0 failed, 0 errored, 0 timeout" in result.stdout, result.stdout + result.stderr
    assert "2xx" in result.stdout


def test_a_browser_plays_the_page_over_http_2(secure):
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_context(ignore_https_errors=True).new_page()
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(secure.origin)
        page.wait_for_selector("text=/Rovers|United|City|Town|Albion|Athletic/", timeout=20_000)
        assert page.evaluate("performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
        assert not errors
        browser.close()
