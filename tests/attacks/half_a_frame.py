"""Sends half a frame and then nothing, or hangs in the middle of it.

honest: linreg
says: did not return within
"""

# %% squared_loss
import gc
import struct
import time


def squared_loss(y_hat, y):
    found = next(found for found in gc.get_objects() if type(found).__name__ == "Worker")
    found._connection.socket.sendall(struct.pack("<4sIQ", b"DLA\x01", 5000, 60 << 20) + b"{")
    while True:
        time.sleep(10)
