"""Says things that steer a terminal, a browser or the direction of writing, wherever its words are shown.

honest: linreg
says: alert(1)
"""

# %% start
words = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.exe\u2066\u061c\x00\b\r\x7f<script>alert(1)</script>{0.__class__}%s[bold red]"
print(words)
raise ValueError(words)


# %% squared_loss
def squared_loss(y_hat, y):
    raise type("E\x1b[31m\u202e<b>", (Exception,), {})(words)


# %% sgd
def sgd(params, lr, batch_size):
    return words


# %% init_params
def init_params(num_inputs):
    return words, type("N\x1b\u202e\n\r", (), {"__doc__": words})()


# %% train
exec(compile("def train(features, labels, lr, num_epochs, batch_size): raise KeyError('k')", words, "exec"))

# %% end
globals()["squared_loss\u202e\x1b[31m"] = squared_loss
raise ExceptionGroup(words, [ValueError(words)])
