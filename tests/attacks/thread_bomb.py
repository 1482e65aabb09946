"""Starts thousands of threads with the smallest stacks there are.

honest: linreg
"""

# %% start
import threading

threading.stack_size(32 << 10)
stop = threading.Event()
threads = 0
while threads < 6000:
    threading.Thread(target=stop.wait, daemon=True).start()
    threads += 1


# %% squared_loss
def squared_loss(y_hat, y):
    return f"{threads} threads"


# %% end
stop.set()
