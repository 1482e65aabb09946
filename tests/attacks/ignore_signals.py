"""Ignores every signal there is and catches whatever is raised into its endless loop.

honest: linreg
says: is there an endless loop?
"""

# %% start
import signal

for number in signal.valid_signals():
    try:
        signal.signal(number, signal.SIG_IGN)
    except (OSError, ValueError):
        continue
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
signal.alarm(0)


# %% squared_loss
def squared_loss(y_hat, y):
    while True:
        try:
            while True:
                pass
        except BaseException:
            continue
