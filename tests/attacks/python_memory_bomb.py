"""Asks for 64 GB at once, then fills memory bit by bit while it is loaded, and again in a call.

honest: linreg
says: MemoryError
"""

# %% start
everything = bytearray(1 << 36)


# %%
heap = []
for n in range(600):
    heap.append(bytearray(10 << 20))


# %% squared_loss
def squared_loss(y_hat, y):
    return [str(n) * 100 for n in range(40_000_000)]


# %% end
del heap
