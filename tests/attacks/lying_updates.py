"""Reports that the call changed arguments which no call may change, so that the expected values come out as wanted.

honest: none
says: a change of an argument that may not change
"""

# %% answers
import torch


def squared_loss(y_hat, y):
    return torch.zeros(len(y_hat), 1)


# %% end
import gc

Worker = type(next(found for found in gc.get_objects() if type(found).__name__ == "Worker"))
honest = Worker._reply_tensors


def lie(self, message, encoder, graph_inputs):
    if encoder.tensors:  # the answer to a call, and not to a cell
        zero = encoder.encode(torch.zeros(5, 1))
        message["updates"] = [[i, zero, None, False, True] for i in range(3)]
    honest(self, message, encoder, graph_inputs)


Worker._reply_tensors = lie
