"""Writes malformed frames straight to the judge's socket, another kind at every call.

honest: linreg
says: what came back cannot be used
"""

# %% start
import gc
import itertools
import json
import struct


def worker():
    return next(found for found in gc.get_objects() if type(found).__name__ == "Worker")


def frame(message, body=b"", header_size=None, body_size=None, magic=b"DLA\x01"):
    header = message if isinstance(message, bytes) else json.dumps(message).encode()
    sizes = len(header) if header_size is None else header_size, len(body) if body_size is None else body_size
    return struct.pack("<4sIQ", magic, *sizes) + header + body


forged = itertools.cycle(
    [
        frame({"result": {"t": 0}, "tensors": [["float32", [-1], False, True, 4]]}),
        frame({"result": {"t": 0}, "tensors": [["float32", [1 << 62, 4], False, True, 0]]}),
        frame(b"[" * 100_000),
        frame(b"{}", header_size=1 << 31, body_size=1 << 60),
        frame({"result": {"i": "0x" + "f" * 9000}, "tensors": []}),
        frame(b'{"result": NaN, "tensors": null, "result": Infinity}'),
        b"\x80\x04" + b"A" * 5000,
        frame({"callback": 0, "args": {"u": []}, "kwargs": {"m": []}}),
        frame({"failure": [["E"], {"m": 1}, [[0, 10**400, None, b"".hex()]]]}),
    ]
)


def forge(*args):
    worker()._connection.socket.sendall(next(forged))
    return None


# %% answers
squared_loss = sgd = init_params = train = forge
