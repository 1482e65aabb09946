"""Sends signals to the process that started it, to its group, and to everybody.

honest: linreg
says: PermissionError
"""

# %% start
import os
import signal

for action in (
    lambda: os.kill(os.getppid(), signal.SIGKILL),
    lambda: os.kill(os.getppid(), signal.SIGSTOP),
    lambda: os.killpg(os.getpgid(os.getppid()), signal.SIGTERM),
    lambda: signal.pidfd_send_signal(os.pidfd_open(os.getppid()), signal.SIGKILL),
    lambda: os.kill(-1, 0),
    lambda: os.kill(0, 0),
    lambda: os.kill(1, 0),
):
    try:
        action()
    except PermissionError:
        continue
os.kill(os.getppid(), signal.SIGTERM)
