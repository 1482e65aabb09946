"""Reads what is none of its business: the gradebook, keys, other submissions, passwords, the machine's folders.

honest: linreg
says: PermissionError
"""

# %% start
import os

stolen = {}
for path in (
    "@COURSE@/gradebook.db",
    "@COURSE@/gradebook.csv",
    "@COURSE@/.autograder/key",
    "@COURSE@/submitted/a neighbour/linear_regression/linear_regression.ipynb",
    "@COURSE@/home/.ssh/id_ed25519",
    "/etc/passwd",
    "/etc/shadow",
    "/etc/hostname",
):
    try:
        with open(path, "rb") as file:
            stolen[path] = file.read()
    except PermissionError:
        continue
for folder in ("/", "/home", "/root", "/tmp", "/proc", "@COURSE@", "@COURSE@/submitted"):
    try:
        stolen[folder] = os.listdir(folder)
    except PermissionError:
        continue
open("@COURSE@/gradebook.db", "rb")

# %% end
if stolen:
    raise RuntimeError(f"stolen: {sorted(stolen)}")
