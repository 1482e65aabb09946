"""Plays with the file its output goes to: makes it huge, maps it, writes behind its end, prints half characters.

honest: linreg
"""

# %% start
import mmap
import os
import sys

for size in (1 << 40, 1 << 31, 1 << 21):
    try:
        os.ftruncate(1, size)
    except OSError:
        continue
try:
    os.pwrite(1, b"x", 1 << 35)
    mmap.mmap(1, 1 << 30).flush()
except (OSError, ValueError):
    pass
print("\ud800" * 1000)
sys.stdout.buffer.write(b"\xff" * 100)
sys.stdout = sys.stderr = sys.__stdout__ = sys.__stderr__ = None


# %% squared_loss
def squared_loss(y_hat, y):
    for _ in range(1000):
        os.write(2, b"z" * 10_000)
