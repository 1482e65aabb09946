"""Leaves a process behind that goes on rewriting results when the submission is long done.

honest: linreg
says: PermissionError
"""

# %% start
import os
import subprocess
import sys
import time

if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for _ in range(400):
            try:
                open("@COURSE@/earlier.jsonl", "w").write("{}")
            except OSError:
                pass
            time.sleep(0.05)
    os._exit(0)

# %% end
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(20)"], start_new_session=True)
