"""Writes 100 MB wherever it may, and 200 MB to standard output.

honest: linreg
says: OSError
"""

# %% start
import os

for folder in ("/tmp", "/var/tmp", "/dev/shm", "@COURSE@", "/", "."):
    try:
        with open(f"{folder}/@TOKEN@", "wb") as file:
            for _ in range(100):
                file.write(b"x" * (1 << 20))
    except OSError:
        continue
for _ in range(200):
    os.write(1, b"y" * (1 << 20))
