"""Reports failures with line numbers beyond all bounds, labels that steer terminals, and frames by the million.

honest: linreg
"""


# %% squared_loss
def squared_loss(y_hat, y):
    raise ValueError


# %% sgd
def sgd(params, lr, batch_size):
    raise ValueError


# %% end
import gc

Worker = type(next(found for found in gc.get_objects() if type(found).__name__ == "Worker"))
honest = Worker._send
told = [
    ["E" * 500_000, "m" * 400_000, [], True],
    ["\x1b[2J\x1b]0;owned\x07", "\u202etxt.exe\u2066", [["\x1b[31m", 10**4000, "\u200f", "\x9b0m"]] * 300, 7],
    ["{name}", "{0.__class__} %s %n", [["code cell 1", -(10**9), "{x}", "<script>alert(1)</script>"]], "full"],
    ["ValueError", "", [["code cell " + "9" * 150, 1, "", ""]], False],
]


def lie(self, message, tensors=None):
    if "failure" in message:
        message = {"failure": told[self._count % len(told)]}
        self._count += 1
    honest(self, message, tensors)


Worker._send = lie
raise ValueError("the last cell fails as well")
