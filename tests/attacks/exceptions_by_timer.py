"""Lets an alarm raise exceptions a thousand times a second, in the middle of whatever the worker is doing.

honest: none
"""

# %% end
import signal


def interrupt(*_):
    raise KeyboardInterrupt


signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
