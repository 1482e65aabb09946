"""Sets variables that the next process would obey, and changes the place relative paths start from.

honest: linreg
says: PermissionError
"""

# %% start
import os
import sys

os.environ.update(
    LD_PRELOAD="@COURSE@/@TOKEN@.so",
    PYTHONPATH="@COURSE@/home",
    PYTHONSTARTUP="@COURSE@/home/.bashrc",
    PYTEST_ADDOPTS="--collect-only",
    PYTHONINSPECT="1",
    TMPDIR="@COURSE@",
)
os.putenv("PYTHONHOME", "@COURSE@")
sys.path[:] = ["@COURSE@/home"]
sys.argv[:] = ["autograder", "grade", "--unsafe-no-sandbox"]
os.chdir("/usr/lib")
os.umask(0)
os.listdir("@COURSE@")
