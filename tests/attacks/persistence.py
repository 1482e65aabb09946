"""Plants files that Python or a shell would run the next time it starts.

honest: linreg
says: PermissionError
"""

# %% start
import os
import sys

folders = [path for path in sys.path if path.endswith("packages")]
folders += ["@COURSE@/home", "@COURSE@/home/.local/lib/python3.11/site-packages", "/etc/profile.d", "/etc/cron.d"]
for folder in folders:
    for name in ("@TOKEN@.pth", "usercustomize.py", "sitecustomize.py", ".bashrc", "@TOKEN@.sh"):
        try:
            with open(os.path.join(folder, name), "a") as file:
                file.write("# was here\n")
        except OSError:
            continue
for module in ("autograder", "torch"):
    cached = getattr(sys.modules.get(module), "__cached__", None)
    if cached:
        try:
            open(cached, "r+b")
        except OSError:
            continue
open(os.path.join(folders[0], "@TOKEN@.pth"), "w")
