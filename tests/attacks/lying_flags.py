"""Changes its arguments and patches the worker so that it reports no change, or changes of what may not be changed.

honest: none
earns: linreg.shape
"""

# %% answers
import torch


def squared_loss(y_hat, y):
    with torch.no_grad():
        y_hat.zero_()
        y.zero_()
    return y_hat.detach() * 0


def linreg(X, w, b):
    for tensor in (X, w, b):
        tensor.zero_()
    return torch.zeros(len(X), 1)


# %% end
import gc

Worker = type(next(found for found in gc.get_objects() if type(found).__name__ == "Worker"))
honest = Worker._reply_tensors


def lie(self, message, encoder, graph_inputs):
    if "changed" in message:
        message["changed"] = []
    honest(self, message, encoder, graph_inputs)


Worker._reply_tensors = lie
