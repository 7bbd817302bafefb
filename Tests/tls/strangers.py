"""What strangers do to a gateway: hellos that are damaged, and handshakes that stop half-way."""

import select
import socket
import struct
import time

import hellos

#: Handshakes that stop at once.
UNFINISHED = 400


def wait_until(condition, seconds=20):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come about within %d s" % seconds)
        time.sleep(0.05)


def connections_of(port):
    """Connections of the gateway that stand, by the kernel's table."""
    local = "0100007F:%04X" % port
    with open("/proc/net/tcp", encoding="ascii") as file:
        rows = [line.split() for line in file.readlines()[1:]]
    return [row for row in rows if row[1] == local and row[3] in ("01", "08")]


def throw(gateway, seed, cases):
    """Sends each case on a connection of its own, some sixty at once; what came of it where a stranger was let in."""
    let_in, open_ones = [], {}
    numbers = iter(cases)
    is_over = False
    while not is_over or open_ones:
        while not is_over and len(open_ones) < 60:
            number = next(numbers, None)
            if number is None:
                is_over = True
                break
            source = hellos.source(seed * 1_000_003 + number)
            what, data = hellos.damaged(source)
            connection = socket.create_connection(("127.0.0.1", gateway.port), timeout=10)
            connection.setblocking(False)
            try:
                cut = source.randrange(len(data) + 1) if source.randrange(3) == 0 else len(data)
                connection.send(data[:cut])
                connection.send(data[cut:])
                if source.randrange(4):
                    connection.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it hung up already
            open_ones[connection] = (number, what, time.monotonic() + 0.3, bytearray())
        for connection in select.select(list(open_ones), [], [], 0.05)[0]:
            try:
                piece = connection.recv(65536)
            except OSError:
                piece = b""
            open_ones[connection][3].extend(piece)
            if not piece:
                let_in += judged(*open_ones.pop(connection))
                connection.close()
        for connection, (number, what, deadline, answer) in list(open_ones.items()):
            if time.monotonic() > deadline:
                # Half of them leave with a farewell, half with a reset.
                if number % 2:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                let_in += judged(*open_ones.pop(connection))
                connection.close()
    return let_in


def judged(number, what, deadline, answer):
    """Whatever was sent, nobody had the keys to finish: the answer is empty, an alert, or the gateway's own hello."""
    if not answer or answer[0] in (hellos.ALERT, hellos.HANDSHAKE):
        return []
    return [(number, what, bytes(answer[:16]).hex())]


def unfinished(gateway, pieces, is_refused):
    """What a handshake costs that stops there: bytes of memory each. Where it is refused, the gateway ends it at once;
    else it waits."""
    # The first ones make what every later one uses.
    failed = gateway.metric("handshakes_failed_total")
    for _ in range(20):
        socket.create_connection(("127.0.0.1", gateway.port)).close()
    wait_until(lambda: gateway.metric("handshakes_failed_total") >= failed + 20)
    before, strangers = gateway.resident(), []
    try:
        for _ in range(UNFINISHED):
            strangers.append(socket.create_connection(("127.0.0.1", gateway.port), timeout=10))
        for number, piece in enumerate(pieces):
            if number:
                time.sleep(0.2)
            for stranger in strangers:
                stranger.sendall(piece)
        if is_refused:
            # Sooner than a handshake's time is over.
            wait_until(lambda: all([ended(stranger) for stranger in strangers]), 4)
        else:
            time.sleep(0.5)
            assert not any(ended(stranger) for stranger in strangers), "a handshake was not waited for"
        return (gateway.resident() - before) // UNFINISHED
    finally:
        for stranger in strangers:
            stranger.close()


def ended(stranger):
    """Whether the gateway has hung up, behind what it may have said."""
    stranger.setblocking(False)
    try:
        while True:
            if not stranger.recv(65536):
                return True
    except BlockingIOError:
        return False
    except OSError:
        return True
