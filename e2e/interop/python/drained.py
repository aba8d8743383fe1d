"""A client on python-h2 that waits for one answer while the server goes away (RFC 9113 section 6.8).

usage: python3 drained.py PORT PATH

Prints `open` once the request is sent, `goaway` at the first GOAWAY, and at the end of the connection one line of JSON:
the names of all frames that came after that GOAWAY, the answer's status and content, and what python-h2 objected to.
"""

import json
import socket
import sys

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import hyperframe.frame


class Frames:
    """Cuts bytes into frames, as hyperframe reads them."""

    def __init__(self):
        self.rest = b""

    def add(self, data):
        self.rest += data
        frames = []
        while len(self.rest) >= 9:
            frame, length = hyperframe.frame.Frame.parse_frame_header(memoryview(self.rest[:9]))
            if len(self.rest) < 9 + length:
                break
            frame.parse_body(memoryview(self.rest[9 : 9 + length]))
            frames.append((frame, self.rest[: 9 + length]))
            self.rest = self.rest[9 + length :]
        return frames


def say(text):
    print(text, flush=True)


def main(port, path):
    peer = socket.create_connection(("127.0.0.1", port))
    peer.settimeout(60)
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True, header_encoding="utf-8"))
    connection.initiate_connection()
    stream = connection.get_next_available_stream_id()
    connection.send_headers(
        stream,
        [(":method", "GET"), (":scheme", "http"), (":authority", "python"), (":path", path)],
        end_stream=True,
    )
    peer.sendall(connection.data_to_send())
    say("open")
    frames, after, gone = Frames(), [], False
    result = {"status": "", "content": "", "ended": False, "objection": ""}
    while data := peer.recv(65536):
        for frame, raw in frames.add(data):
            if gone:
                after.append(type(frame).__name__)
            elif isinstance(frame, hyperframe.frame.GoAwayFrame):
                gone = True
                say("goaway")
            if gone and not isinstance(frame, hyperframe.frame.GoAwayFrame) and frame.stream_id == stream:
                # python-h2 takes nothing more of a connection that got a GOAWAY, not even what it still owes: clients on
                # it reopen the state by hand, as this line does.
                connection.state_machine.state = h2.connection.ConnectionState.CLIENT_OPEN
            try:
                events = connection.receive_data(raw)
            except h2.exceptions.ProtocolError as error:
                result["objection"] = f"{type(frame).__name__}: {error}"
                events = []
            for event in events:
                if isinstance(event, h2.events.ResponseReceived):
                    result["status"] = dict(event.headers)[":status"]
                elif isinstance(event, h2.events.DataReceived):
                    result["content"] += event.data.decode()
                elif isinstance(event, h2.events.StreamEnded):
                    result["ended"] = True
            if out := connection.data_to_send():
                peer.sendall(out)
    say(json.dumps({"after": after, **result}))


main(int(sys.argv[1]), sys.argv[2])
