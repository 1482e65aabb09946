"""Stops the clocks, so that no deadline is ever over.

honest: linreg
says: is there an endless loop?
"""

# %% start
import datetime
import time

for name in ("time", "monotonic", "perf_counter", "process_time", "monotonic_ns", "time_ns"):
    setattr(time, name, lambda: 0)
time.sleep = lambda seconds: None
datetime.datetime = type("datetime", (), {"now": staticmethod(lambda *args: 0)})


# %% squared_loss
def squared_loss(y_hat, y):
    while time.monotonic() < 1:
        pass


# %% init_params
def init_params(num_inputs):
    import select

    select.select([], [], [])
