"""Opens whatever can be opened until nothing more can.

honest: linreg
says: Too many open files
"""

# %% start
import os

opened = []
while True:
    opened.extend(os.pipe())


# %% squared_loss
def squared_loss(y_hat, y):
    return open("/dev/null")


# %% end
for descriptor in opened:
    os.close(descriptor)
