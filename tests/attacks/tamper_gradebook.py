"""Changes the gradebook: its content, size, mode, owner, times, name; then its neighbours' submissions.

honest: linreg
says: PermissionError
"""

# %% start
import os
import shutil

BOOK = "@COURSE@/gradebook.csv"
OTHER = "@COURSE@/submitted/a neighbour/linear_regression/linear_regression.ipynb"

for action in (
    lambda: open(BOOK, "a").write("tamper_gradebook,100\n"),
    lambda: open(BOOK, "r+"),
    lambda: os.truncate(BOOK, 0),
    lambda: os.chmod(BOOK, 0),
    lambda: os.chown(BOOK, 65534, 65534),
    lambda: os.utime(BOOK, (0, 0)),
    lambda: os.rename(BOOK, BOOK + ".@TOKEN@"),
    lambda: os.link(BOOK, "@COURSE@/@TOKEN@"),
    lambda: os.symlink("/dev/null", "@COURSE@/@TOKEN@"),
    lambda: os.unlink(OTHER),
    lambda: os.replace(OTHER, BOOK),
    lambda: os.setxattr(BOOK, "user.score", b"100"),
    lambda: os.mkdir("@COURSE@/@TOKEN@"),
    lambda: shutil.rmtree("@COURSE@/submitted/a neighbour"),
):
    try:
        action()
    except OSError:
        continue
os.unlink(BOOK)
