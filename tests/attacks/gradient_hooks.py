"""Gives the right values and lets the backward pass hang, raise, lie or end the process.

honest: linreg
earns: squared_loss.keeps_shape, squared_loss.values, squared_loss.labels_either_way
"""

# %% squared_loss
import os

import torch

passes = []


class Loss(torch.autograd.Function):
    @staticmethod
    def forward(ctx, y_hat, y):
        return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2

    @staticmethod
    def backward(ctx, gradient):
        passes.append(gradient)
        if len(passes) == 1:
            while True:
                pass
        os._exit(0)


def squared_loss(y_hat, y):
    return Loss.apply(y_hat, y)


# %% init_params
def init_params(num_inputs):
    w = torch.zeros(num_inputs, 1).requires_grad_()
    w.register_hook(lambda gradient: os._exit(0))
    return w * 2, w.sum()
