"""A client of HTTP/2 that may misbehave, on the `h2` library's state machine and a socket of its own."""

import socket
import ssl
import time

import h2.config
import h2.connection
import h2.events
import h2.settings


class Ended(Exception):
    """The server closed the connection."""


class H2Client:
    def __init__(self, server, seconds=15):
        context = ssl.create_default_context(cafile=server.certificate)
        context.set_alpn_protocols(["h2"])
        raw = socket.create_connection(("127.0.0.1", server.port), timeout=seconds)
        self.socket = context.wrap_socket(raw, server_hostname="localhost")
        assert self.socket.selected_alpn_protocol() == "h2"
        self.authority = f"localhost:{server.port}"
        # What the server must refuse is not refused here first.
        self.h2 = h2.connection.H2Connection(h2.config.H2Configuration(
            client_side=True, header_encoding="utf-8", validate_outbound_headers=False, normalize_outbound_headers=False))
        self.h2.initiate_connection()
        self.seen = []
        self.goaway = None
        self.last_stream = None
        self.raw = b""
        self.flush()

    def close(self):
        self.socket.close()

    def flush(self):
        self.socket.sendall(self.h2.data_to_send())

    def request(self, method, path, headers=(), body=None, end=True, **pseudo):
        stream = self.h2.get_next_available_stream_id()
        head = [(":method", method), (":scheme", "https"), (":authority", pseudo.pop("authority", self.authority)), (":path", path)]
        head += [(f":{key}", value) for key, value in pseudo.items()]
        self.h2.send_headers(stream, [*head, *headers], end_stream=end and body is None)
        if body is not None:
            self.h2.send_data(stream, body, end_stream=end)
        self.flush()
        return stream

    def turn(self):
        """Reads once; events are kept in `seen`."""
        data = self.socket.recv(65536)
        if not data:
            raise Ended
        self.look_for_goaway(data)
        if self.goaway is not None:
            # The library takes nothing behind a GOAWAY, though streams may end there in peace.
            return
        for event in self.h2.receive_data(data):
            if isinstance(event, h2.events.DataReceived):
                self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            self.seen.append(event)
        self.flush()

    def look_for_goaway(self, data):
        self.raw += data
        while len(self.raw) >= 9:
            length = int.from_bytes(self.raw[:3])
            if len(self.raw) < 9 + length:
                return
            if self.raw[3] == 7:
                self.last_stream = int.from_bytes(self.raw[9:13])
                self.goaway = int.from_bytes(self.raw[13:17])
            self.raw = self.raw[9 + length:]

    def until(self, wanted, seconds=15):
        deadline = time.monotonic() + seconds
        looked = 0
        while time.monotonic() < deadline:
            while looked < len(self.seen):
                event = self.seen[looked]
                looked += 1
                if wanted(event):
                    return event
            self.turn()
        raise AssertionError(f"not seen within {seconds} s: {self.seen[-5:]}")

    def answer(self, stream):
        """(status, headers, body) of a stream that ends."""
        self.until(lambda e: isinstance(e, (h2.events.StreamEnded, h2.events.StreamReset)) and e.stream_id == stream)
        headers = next(dict(e.headers) for e in self.seen if isinstance(e, h2.events.ResponseReceived) and e.stream_id == stream)
        body = b"".join(e.data for e in self.seen if isinstance(e, h2.events.DataReceived) and e.stream_id == stream)
        return int(headers[":status"]), headers, body

    def until_gone(self, seconds=15):
        """The code of the GOAWAY that comes, if one does, and the end."""
        deadline = time.monotonic() + seconds
        try:
            while time.monotonic() < deadline:
                self.turn()
        except (Ended, OSError):
            return self.goaway
        raise AssertionError("the server keeps the connection")
