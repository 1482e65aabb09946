"""Never returns from one function.

honest: linreg, sgd
says: is there an endless loop?
"""


# %% squared_loss
def squared_loss(y_hat, y):
    while True:
        pass
