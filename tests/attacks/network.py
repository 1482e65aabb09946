"""Sends what it knows to somebody who listens: TCP, UDP, unix and abstract sockets.

honest: linreg, squared_loss
says: PermissionError
"""

# %% start
import socket

for family, kind, address in (
    (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", int("@PORT@"))),
    (socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", int("@PORT@"))),
    (socket.AF_UNIX, socket.SOCK_STREAM, "@COURSE@/listener"),
    (socket.AF_UNIX, socket.SOCK_STREAM, "\0@TOKEN@"),
):
    try:
        with socket.socket(family, kind) as sock:
            sock.settimeout(1)
            sock.connect(address)
            sock.send(b"answers, please")
    except PermissionError:
        continue
socket.create_connection(("127.0.0.1", int("@PORT@")), timeout=1)
