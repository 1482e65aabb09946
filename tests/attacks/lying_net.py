"""Returns networks that lie about themselves: endless parameters, numbers that are none, another answer at every call.

honest: linreg
earns: concise.shapes
"""

# %% concise
import torch


class Net:
    calls = 0

    def __call__(self, X):
        Net.calls += 1
        if X.shape[1] == 3:
            return torch.zeros(len(X), 1).where(torch.tensor(Net.calls < 100), torch.nan)
        return torch.full((len(X), 1), float(Net.calls))

    def parameters(self):
        class Parameter:
            def numel(self):
                return 0

        while True:
            yield Parameter()

    def state_dict(self):
        raise SystemExit(0)

    def __getattr__(self, name):
        return self


def train_concise(features, labels, lr, num_epochs, batch_size):
    return Net()
