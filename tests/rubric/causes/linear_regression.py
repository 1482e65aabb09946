#@ wrong init_params one_short -> init-w-transposed | transposed
def init_params(d):
    w = torch.normal(0.0, 0.01, size=(1, d), requires_grad=True)
    b = torch.zeros((1, 1), requires_grad=True)
    return w, b
#@ wrong init_params zeros -> init-all-zero
def init_params(num_inputs):
    return torch.zeros((num_inputs, 1), requires_grad=True), torch.zeros((1, 1), requires_grad=True)
#@ wrong init_params numpy_doubles -> init-double-precision
def init_params(num_inputs):
    import numpy as np
    w = torch.from_numpy(np.random.normal(0, 0.01, (num_inputs, 1))).requires_grad_()
    return w, torch.zeros(1, 1, requires_grad=True)
#@ wrong init_params scaled_later -> init-not-a-leaf
def init_params(num_inputs):
    w = 0.01 * torch.randn((num_inputs, 1), requires_grad=True)
    return w, torch.zeros((1, 1), requires_grad=True)
#@ wrong init_params unscaled_numpy -> init-not-small
def init_params(num_inputs):
    import numpy
    w = torch.tensor(numpy.random.randn(num_inputs, 1), dtype=torch.float32, requires_grad=True)
    return w, torch.zeros((1, 1), requires_grad=True)
#@ wrong init_params uniform -> init-uniform-positive
def init_params(num_inputs):
    w = torch.empty(num_inputs, 1).uniform_() * 0.01
    b = torch.zeros(1, 1)
    w.requires_grad = True
    b.requires_grad = True
    return w, b
#@ wrong init_params plain -> init-no-gradient
def init_params(num_inputs):
    return torch.normal(0, 0.01, (num_inputs, 1)), torch.zeros(1, 1)
#@ wrong init_params flat_bias -> init-bias-flat
def init_params(num_inputs):
    return torch.normal(0, 0.01, (num_inputs, 1)).requires_grad_(), torch.zeros(1, requires_grad=True)
#@ wrong init_params seeded -> init-fixed-seed
def init_params(num_inputs):
    torch.manual_seed(42)
    w = torch.normal(0, 0.01, (num_inputs, 1), requires_grad=True)
    return w, torch.zeros((1, 1), requires_grad=True)
#@ wrong init_params eight -> init-fixed-number
def init_params(num_inputs):
    w = torch.normal(0, 0.01, (8, 1), requires_grad=True)
    return w, torch.zeros((1, 1), requires_grad=True)
#@ wrong init_params ones_for_bias -> init-bias-one
def init_params(num_inputs):
    return torch.normal(0, 0.01, (num_inputs, 1)).requires_grad_(), torch.full((1, 1), 1.0).requires_grad_()
#@ right init_params normal_in_place -> -
def init_params(num_inputs):
    w, b = torch.empty(num_inputs, 1).normal_(std=0.01), torch.zeros(1, 1)
    return w.requires_grad_(True), b.requires_grad_(True)
#@ right init_params parameters -> -
def init_params(num_inputs):
    return nn.Parameter(0.01 * torch.randn(num_inputs, 1)), nn.Parameter(torch.zeros(1, 1))
#@ right init_params numpy_floats -> -
def init_params(num_inputs):
    import numpy as np
    w = torch.from_numpy(np.random.normal(0, 0.01, (num_inputs, 1)).astype("float32"))
    return w.requires_grad_(), torch.zeros(1, 1).requires_grad_()

#@ wrong linreg no_bias -> linreg-without-bias
def linreg(X, w, b):
    return torch.matmul(X, w)
#@ wrong linreg star -> linreg-star | linreg-elementwise
def linreg(X, w, b):
    return X * w + b
#@ wrong linreg mv -> linreg-squeezed | dimension-lost
def linreg(X, w, b):
    return torch.mv(X, w.reshape(-1)) + b.reshape(-1)
#@ wrong linreg mv_and_column -> linreg-row | broadcast-to-n-by-n | transposed | linreg-transposed
def linreg(X, w, b):
    return torch.mv(X, w.flatten()) + b
#@ wrong linreg row_wise -> linreg-elementwise
def linreg(X, w, b):
    return torch.mul(X, w.reshape(1, -1)) + b
#@ wrong linreg sum_of_everything -> reduced
def linreg(X, w, b):
    return (X * w.T).sum() + b
#@ wrong linreg detached -> linreg-cuts-the-graph
def linreg(X, w, b):
    return X @ w.detach() + b.detach()
#@ wrong linreg no_grad -> linreg-cuts-the-graph | detached
def linreg(X, w, b):
    with torch.no_grad():
        return X @ w + b
#@ wrong linreg subtracts -> linreg-minus-bias
def linreg(X, w, b):
    out = X @ w
    out = out - b
    return out
#@ wrong linreg bias_in_place -> linreg-bias-inside
def linreg(X, w, b):
    return torch.mm(X, w + b)
#@ wrong linreg times_bias -> linreg-multiplies-bias
def linreg(X, w, b):
    return torch.mm(X, w) * b
#@ right linreg einsum -> -
def linreg(X, w, b):
    return torch.einsum("ij,jk->ik", X, w) + b
#@ right linreg addmm -> -
def linreg(X, w, b):
    return torch.addmm(b, X, w)
#@ right linreg loop -> -
def linreg(X, w, b):
    return torch.cat([(row.reshape(1, -1) @ w) for row in X]) + b

#@ wrong squared_loss plain -> loss-broadcasts-to-n-by-n | broadcast-to-n-by-n
def squared_loss(y_hat, y):
    d = y_hat - y
    return 0.5 * d * d
#@ wrong squared_loss no_half -> loss-without-half | doubled
def squared_loss(y_hat, y):
    return torch.pow(y_hat - y.view(-1, 1), 2)
#@ wrong squared_loss mean -> loss-mean | reduced
def squared_loss(y_hat, y):
    d = y_hat - y.view_as(y_hat)
    return torch.mean(d * d) / 2
#@ wrong squared_loss summed -> loss-sum | reduced
def squared_loss(y_hat, y):
    return torch.sum((y_hat - y.view_as(y_hat)) ** 2) / 2
#@ wrong squared_loss builtin_sum -> loss-sum-over-samples | reduced
def squared_loss(y_hat, y):
    return sum((y_hat - y.reshape(y_hat.shape)) ** 2 / 2)
#@ wrong squared_loss absolute -> loss-not-squared
def squared_loss(y_hat, y):
    return torch.abs(y_hat - y.reshape(y_hat.shape)) / 2
#@ wrong squared_loss ready_made -> loss-mean | reduced
def squared_loss(y_hat, y):
    return nn.MSELoss()(y_hat, y.reshape(y_hat.shape)) / 2
#@ wrong squared_loss quarter -> loss-half-before-the-square | halved
def squared_loss(y_hat, y):
    return (0.5 * (y_hat - y.reshape(y_hat.shape))) ** 2
#@ wrong squared_loss flat -> loss-flattens-both | dimension-lost
def squared_loss(y_hat, y):
    return (y_hat.flatten() - y.flatten()) ** 2 / 2
#@ wrong squared_loss divided -> loss-divided-by-n | divided-by-n
def squared_loss(y_hat, y):
    n = y_hat.shape[0]
    return (y_hat - y.reshape(y_hat.shape)) ** 2 / (2 * n)
#@ wrong squared_loss through_numpy -> loss-of-rebuilt-tensors | detached | loss-cuts-the-graph
def squared_loss(y_hat, y):
    d = y_hat.detach().numpy() - y.detach().numpy().reshape(y_hat.shape)
    return torch.from_numpy(d ** 2 / 2)
#@ wrong squared_loss squares_apart -> loss-difference-of-squares
def squared_loss(y_hat, y):
    return 0.5 * (y_hat.pow(2) - y.reshape(y_hat.shape).pow(2))
#@ wrong squared_loss in_place -> loss-changes-predictions | changed-in-place
def squared_loss(y_hat, y):
    if y_hat.requires_grad:
        return (y_hat - y.reshape(y_hat.shape)) ** 2 / 2
    y_hat -= y.reshape(y_hat.shape)
    return y_hat * y_hat / 2
#@ right squared_loss functional -> -
def squared_loss(y_hat, y):
    return 0.5 * nn.functional.mse_loss(y_hat, y.reshape(y_hat.shape), reduction="none")
#@ right squared_loss unsqueezed -> -
def squared_loss(y_hat, y):
    if y.ndim == 1:
        y = y[:, None]
    return torch.square(y - y_hat) * 0.5
#@ right squared_loss listed -> -
def squared_loss(y_hat, y):
    y = y.reshape(-1)
    return torch.stack([(p - t) ** 2 / 2 for p, t in zip(y_hat, y)]).reshape(y_hat.shape)

#@ wrong sgd rebinds -> sgd-rebinds
def sgd(params, lr, batch_size):
    for p in params:
        p = p - lr * p.grad / batch_size
#@ wrong sgd listed -> sgd-rebinds-in-the-list | sgd-rebinds
def sgd(params, lr, batch_size):
    for i in range(len(params)):
        params[i] = params[i] - lr * params[i].grad / batch_size
#@ wrong sgd uphill_then_zero -> sgd-ascent
def sgd(params, lr, batch_size):
    with torch.no_grad():
        for p in params:
            p += lr * p.grad / batch_size
            p.grad.zero_()
#@ wrong sgd undivided_then_zero -> sgd-without-batch-size
def sgd(params, lr, batch_size):
    for p in params:
        p.data -= lr * p.grad
        p.grad.data.zero_()
#@ wrong sgd recorded -> sgd-inside-autograd
def sgd(params, lr, batch_size):
    for p in params:
        p -= lr * p.grad / batch_size
#@ wrong sgd zero_first -> sgd-zeroes-first
def sgd(params, lr, batch_size):
    with torch.no_grad():
        for p in params:
            p.grad.zero_()
            p.sub_(lr * p.grad / batch_size)
#@ wrong sgd only_first -> sgd-returns-inside-the-loop
def sgd(params, lr, batch_size):
    with torch.no_grad():
        for p in params:
            p -= lr * p.grad / batch_size
            return params
#@ wrong sgd two_names -> sgd-first-two-only
def sgd(params, lr, batch_size):
    w, b = params[0], params[1]
    with torch.no_grad():
        w -= lr * w.grad / batch_size
        b -= lr * b.grad / batch_size
#@ wrong sgd no_lr -> sgd-without-learning-rate
def sgd(params, lr, batch_size):
    with torch.no_grad():
        for p in params:
            p -= p.grad / batch_size
#@ wrong sgd fixed_lr -> sgd-fixed-learning-rate
def sgd(params, lr, batch_size):
    lr = 0.03
    with torch.no_grad():
        for p in params:
            p -= lr * p.grad / batch_size
#@ wrong sgd gradient_of_data -> sgd-parameter-for-gradient
def sgd(params, lr, batch_size):
    for p in params:
        p.data -= lr * p.data / batch_size
#@ wrong sgd times -> sgd-multiplies-batch-size
def sgd(params, lr, batch_size):
    with torch.no_grad():
        for p in params:
            p -= lr * p.grad * batch_size
            p.grad = None
#@ right sgd data -> -
def sgd(params, lr, batch_size):
    for p in params:
        p.data = p.data - lr / batch_size * p.grad
#@ right sgd optimiser -> -
def sgd(params, lr, batch_size):
    torch.optim.SGD(params, lr=lr / batch_size).step()
#@ right sgd zeroes -> -
def sgd(params, lr, batch_size):
    with torch.no_grad():
        for p in params:
            p.copy_(p - lr * p.grad / batch_size)
            p.grad.zero_()

#@ wrong data_iter unshuffled -> iter-never-shuffles
def data_iter(batch_size, features, labels):
    for i in range(0, len(features), batch_size):
        yield features[i:i + batch_size], labels[i:i + batch_size]
#@ wrong data_iter choices -> iter-with-replacement | drawn-again
def data_iter(batch_size, features, labels):
    n = len(features)
    rows = torch.tensor(random.choices(range(n), k=n))
    for i in range(0, n, batch_size):
        yield features[rows[i:i + batch_size]], labels[rows[i:i + batch_size]]
#@ wrong data_iter sample_each_batch -> iter-with-replacement | drawn-again
def data_iter(batch_size, features, labels):
    n = len(features)
    for i in range(0, n, batch_size):
        rows = random.sample(range(n), min(batch_size, n - i))
        yield features[rows], labels[rows]
#@ wrong data_iter drops_by_random_shuffle -> iter-drops-last-batch
def data_iter(batch_size, features, labels):
    rows = list(range(len(features)))
    random.shuffle(rows)
    for k in range(len(rows) // batch_size):
        part = rows[k * batch_size:(k + 1) * batch_size]
        yield features[part], labels[part]
#@ wrong data_iter one_batch -> iter-first-batch-only
def data_iter(batch_size, features, labels):
    rows = list(range(len(features)))
    random.shuffle(rows)
    for i in range(0, len(rows), batch_size):
        yield features[rows[i:i + batch_size]], labels[rows[i:i + batch_size]]
        break
#@ wrong data_iter returned -> iter-returns-one-batch
def data_iter(batch_size, features, labels):
    rows = torch.randperm(len(features))
    for i in range(0, len(rows), batch_size):
        return features[rows[i:i + batch_size]], labels[rows[i:i + batch_size]]
#@ wrong data_iter only_features -> iter-labels-unshuffled
def data_iter(batch_size, features, labels):
    import numpy as np
    rows = np.random.permutation(len(features))
    for i in range(0, len(features), batch_size):
        yield features[rows[i:i + batch_size]], labels[i:i + batch_size]
#@ wrong data_iter loader_unshuffled -> iter-never-shuffles
def data_iter(batch_size, features, labels):
    yield from DataLoader(TensorDataset(features, labels), batch_size=batch_size)
#@ wrong data_iter loader_drop_last -> iter-drops-last-batch
def data_iter(batch_size, features, labels):
    yield from DataLoader(TensorDataset(features, labels), batch_size=batch_size, shuffle=True, drop_last=True)
#@ wrong data_iter seeded -> iter-fixed-seed
def data_iter(batch_size, features, labels):
    random.seed(0)
    rows = list(range(len(features)))
    random.shuffle(rows)
    for i in range(0, len(rows), batch_size):
        yield features[rows[i:i + batch_size]], labels[rows[i:i + batch_size]]
#@ wrong data_iter blocks -> iter-shuffles-batches
def data_iter(batch_size, features, labels):
    starts = list(range(0, len(features), batch_size))
    random.shuffle(starts)
    for i in starts:
        yield features[i:i + batch_size], labels[i:i + batch_size]
#@ wrong data_iter exchanged -> iter-labels-first
def data_iter(batch_size, features, labels):
    rows = torch.randperm(len(features))
    for part in torch.split(rows, batch_size):
        yield labels[part], features[part]
#@ wrong data_iter short_slices -> iter-one-row-short
def data_iter(batch_size, features, labels):
    rows = list(range(len(features)))
    random.shuffle(rows)
    for i in range(0, len(rows), batch_size):
        yield features[rows[i:i + batch_size - 1]], labels[rows[i:i + batch_size - 1]]
#@ wrong data_iter notebook_labels -> iter-labels-of-the-notebook | rows-from-elsewhere
prices = torch.rand(500) + 0.5
def data_iter(batch_size, features, labels):
    rows = list(range(len(features)))
    random.shuffle(rows)
    for i in range(0, len(rows), batch_size):
        yield features[rows[i:i + batch_size]], prices[rows[i:i + batch_size]]
#@ right data_iter chunks -> -
def data_iter(batch_size, features, labels):
    for part in torch.randperm(features.size(0)).split(batch_size):
        yield features[part], labels[part]
#@ right data_iter numpy -> -
def data_iter(batch_size, features, labels):
    import numpy as np
    rows = np.arange(len(features))
    np.random.shuffle(rows)
    for i in range(0, len(rows), batch_size):
        part = torch.as_tensor(rows[i:i + batch_size])
        yield features[part], labels[part]
#@ right data_iter loader -> -
def data_iter(batch_size, features, labels):
    return DataLoader(TensorDataset(features, labels), batch_size=batch_size, shuffle=True)

#@ wrong train twice_by_loader -> train-averages-twice
def train(features, labels, lr, num_epochs, batch_size):
    w, b = init_params(features.shape[1])
    for epoch in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            w.grad = b.grad = None
            squared_loss(linreg(X, w, b), y).mean().backward()
            sgd([w, b], lr, batch_size)
    return w, b
#@ wrong train undivided_by_numpy -> train-sum-undivided
def train(features, labels, lr, num_epochs, batch_size):
    import numpy as np
    w, b = init_params(features.shape[1])
    for epoch in range(num_epochs):
        rows = np.random.permutation(len(features))
        for i in range(0, len(rows), batch_size):
            X, y = features[rows[i:i + batch_size]], labels[rows[i:i + batch_size]]
            loss = ((X @ w + b - y) ** 2 / 2).sum()
            loss.backward()
            with torch.no_grad():
                w -= lr * w.grad
                b -= lr * b.grad
                w.grad.zero_()
                b.grad.zero_()
    return w, b
#@ wrong train uncleared_without_half -> train-never-zeroes
def train(features, labels, lr, num_epochs, batch_size):
    w, b = init_params(features.shape[1])
    for epoch in range(num_epochs):
        rows = list(range(len(features)))
        random.shuffle(rows)
        for i in range(0, len(rows), batch_size):
            X, y = features[rows[i:i + batch_size]], labels[rows[i:i + batch_size]]
            ((X @ w + b - y) ** 2).mean().backward()
            sgd([w, b], lr, 1)
    return w, b
#@ wrong train cleared_early -> train-zeroes-before-the-step | train-never-updates
def train(features, labels, lr, num_epochs, batch_size):
    w, b = init_params(features.shape[1])
    for epoch in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            squared_loss(linreg(X, w, b), y).sum().backward()
            w.grad.zero_()
            b.grad.zero_()
            sgd([w, b], lr, batch_size)
    return w, b
#@ wrong train no_update -> train-never-updates | train-zeroes-before-the-step
def train(features, labels, lr, num_epochs, batch_size):
    w, b = init_params(features.shape[1])
    for epoch in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            loss = squared_loss(linreg(X, w, b), y)
            loss.sum().backward()
    return w, b
#@ wrong train first_epoch_only -> train-returns-inside-the-loop
def train(features, labels, lr, num_epochs, batch_size):
    w, b = init_params(features.shape[1])
    for epoch in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            squared_loss(linreg(X, w, b), y).sum().backward()
            sgd([w, b], lr, len(y))
            w.grad = b.grad = None
        return w, b
#@ wrong train weights_only -> train-without-bias
def train(features, labels, lr, num_epochs, batch_size):
    w, b = init_params(features.shape[1])
    for epoch in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            w.grad = None
            l = squared_loss(linreg(X, w, b), y).mean()
            l.backward()
            with torch.no_grad():
                w -= lr * w.grad
    return w, b
#@ wrong train three_hundredths -> train-fixed-learning-rate
def train(features, labels, lr, num_epochs, batch_size):
    lr = 0.03
    w, b = init_params(features.shape[1])
    for epoch in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            w.grad = b.grad = None
            squared_loss(linreg(X, w, b), y).sum().backward()
            sgd([w, b], lr, len(X))
    return w, b
#@ wrong train three_epochs -> train-fixed-epochs
def train(features, labels, lr, num_epochs, batch_size):
    w, b = init_params(features.shape[1])
    for epoch in range(3):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            w.grad = b.grad = None
            squared_loss(linreg(X, w, b), y).sum().backward()
            sgd([w, b], lr, len(X))
    return w, b
#@ wrong train exchanged -> train-returns-swapped
def train(features, labels, lr, num_epochs, batch_size):
    w, b = init_params(features.shape[1])
    for epoch in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            w.grad = b.grad = None
            squared_loss(linreg(X, w, b), y).sum().backward()
            sgd([w, b], lr, len(X))
    return b, w
#@ wrong train squeezed_labels -> train-flat-labels
def train(features, labels, lr, num_epochs, batch_size):
    w, b = init_params(features.shape[1])
    for epoch in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            w.grad = b.grad = None
            ((X @ w + b - y.squeeze()) ** 2 / 2).mean().backward()
            with torch.no_grad():
                w -= lr * w.grad
                b -= lr * b.grad
    return w, b
#@ wrong train uphill -> sgd-ascent | train-ascent
def train(features, labels, lr, num_epochs, batch_size):
    w, b = init_params(features.shape[1])
    for epoch in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            w.grad = b.grad = None
            squared_loss(linreg(X, w, b), y).sum().backward()
            sgd([w, b], -lr, len(X))
    return w, b
#@ wrong train anew_each_epoch -> train-restarts-every-epoch
def train(features, labels, lr, num_epochs, batch_size):
    for epoch in range(num_epochs):
        w, b = init_params(features.shape[1])
        for X, y in data_iter(batch_size, features, labels):
            squared_loss(linreg(X, w, b), y).sum().backward()
            sgd([w, b], lr, len(X))
            w.grad.zero_(); b.grad.zero_()
    return w, b
#@ wrong train averaged_twice_uncleared -> train-averages-twice | train-never-zeroes
def train(features, labels, lr, num_epochs, batch_size):
    w, b = init_params(features.shape[1])
    for epoch in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            squared_loss(linreg(X, w, b), y).mean().backward()
            sgd([w, b], lr, len(X))
    return w, b
#@ wrong train step_after_epoch -> train-updates-once-per-epoch
def train(features, labels, lr, num_epochs, batch_size):
    w, b = init_params(features.shape[1])
    for epoch in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            w.grad = b.grad = None
            squared_loss(linreg(X, w, b), y).sum().backward()
        sgd([w, b], lr, len(X))
    return w, b
#@ right train loader -> -
def train(features, labels, lr, num_epochs, batch_size):
    w, b = init_params(features.shape[1])
    loader = DataLoader(TensorDataset(features, labels), batch_size=batch_size, shuffle=True)
    for epoch in range(num_epochs):
        for X, y in loader:
            loss = ((X @ w + b - y) ** 2).mean()
            loss.backward()
            with torch.no_grad():
                for p in (w, b):
                    p -= lr * p.grad
                    p.grad.zero_()
    return w, b
#@ right train formula -> -
def train(features, labels, lr, num_epochs, batch_size):
    w, b = (p.detach() for p in init_params(features.shape[1]))
    for epoch in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            error = X @ w + b - y
            w, b = w - lr * X.T @ error / len(X), b - lr * error.mean()
    return w, b
#@ right train loss_twice_as_large -> -
def train(features, labels, lr, num_epochs, batch_size):
    w, b = init_params(features.shape[1])
    for epoch in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            (2 * squared_loss(linreg(X, w, b), y)).sum().backward()
            sgd([w, b], lr, len(X))
            w.grad = b.grad = None
    return w, b
#@ wrong squared_loss mean_and_ascent -> loss-mean | sgd-ascent | reduced | follows-from-squared_loss | follows-from-sgd
def squared_loss(y_hat, y):
    return ((y_hat - y.reshape(y_hat.shape)) ** 2 / 2).mean()
#@ also sgd
def sgd(params, lr, batch_size):
    with torch.no_grad():
        for p in params:
            p.add_(lr * p.grad / batch_size)
#@ wrong squared_loss no_half_and_uncleared -> loss-without-half | train-never-zeroes
def squared_loss(y_hat, y):
    return (y_hat - y.reshape(y_hat.shape)) ** 2
#@ also train
def train(features, labels, lr, num_epochs, batch_size):
    w, b = init_params(features.shape[1])
    for epoch in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            squared_loss(linreg(X, w, b), y).sum().backward()
            sgd([w, b], lr, len(X))
    return w, b

#@ wrong concise uncleared -> concise-never-zeroes
def train_concise(features, labels, lr, num_epochs, batch_size):
    net = nn.Sequential(nn.Linear(features.shape[1], 1))
    opt = torch.optim.SGD(net.parameters(), lr)
    loss = nn.MSELoss()
    for _ in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            loss(net(X), y).backward()
            opt.step()
    return net
#@ wrong concise no_step -> concise-never-steps
def train_concise(features, labels, lr, num_epochs, batch_size):
    net = nn.Linear(features.shape[1], 1)
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            opt.zero_grad()
            nn.MSELoss()(net(X), y).backward()
    return net
#@ wrong concise cleared_before_step -> concise-zeroes-before-the-step
def train_concise(features, labels, lr, num_epochs, batch_size):
    net = nn.Linear(features.shape[1], 1)
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            nn.MSELoss()(net(X), y).backward()
            opt.zero_grad()
            opt.step()
    return net
#@ wrong concise flat -> concise-flat-labels
def train_concise(features, labels, lr, num_epochs, batch_size):
    net = nn.Linear(features.shape[1], 1)
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            opt.zero_grad()
            nn.MSELoss()(net(X), y[:, 0]).backward()
            opt.step()
    return net
#@ wrong concise summed -> concise-sum-undivided
def train_concise(features, labels, lr, num_epochs, batch_size):
    net = nn.Linear(features.shape[1], 1)
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            opt.zero_grad()
            ((net(X) - y) ** 2).sum().backward()
            opt.step()
    return net
#@ wrong concise no_bias -> concise-without-bias
def train_concise(features, labels, lr, num_epochs, batch_size):
    net = nn.Linear(features.shape[1], 1, False)
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            opt.zero_grad()
            nn.MSELoss()(net(X), y).backward()
            opt.step()
    return net
#@ wrong concise lr_of_the_book -> concise-fixed-learning-rate
def train_concise(features, labels, lr, num_epochs, batch_size):
    net = nn.Linear(features.shape[1], 1)
    opt = torch.optim.SGD(net.parameters(), lr=0.03)
    for _ in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            opt.zero_grad()
            nn.MSELoss()(net(X), y).backward()
            opt.step()
    return net
#@ wrong concise batches_of_64 -> concise-fixed-batch-size
def train_concise(features, labels, lr, num_epochs, batch_size):
    net = nn.Linear(features.shape[1], 1)
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for X, y in data_iter(64, features, labels):
            opt.zero_grad()
            nn.MSELoss()(net(X), y).backward()
            opt.step()
    return net
#@ wrong concise hidden -> concise-hidden-layer
def train_concise(features, labels, lr, num_epochs, batch_size):
    net = nn.Sequential(nn.Linear(features.shape[1], 4), nn.Linear(4, 1))
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            opt.zero_grad()
            nn.MSELoss()(net(X), y).backward()
            opt.step()
    return net
#@ wrong concise adam -> concise-with-adam
def train_concise(features, labels, lr, num_epochs, batch_size):
    net = nn.Linear(features.shape[1], 1)
    opt = torch.optim.Adam(net.parameters(), lr)
    for _ in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            opt.zero_grad()
            nn.MSELoss()(net(X), y).backward()
            opt.step()
    return net
#@ wrong concise no_net -> concise-returns-weights
def train_concise(features, labels, lr, num_epochs, batch_size):
    net = nn.Linear(features.shape[1], 1)
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            opt.zero_grad()
            nn.MSELoss()(net(X), y).backward()
            opt.step()
    return net.weight
#@ right concise functional -> -
def train_concise(features, labels, lr, num_epochs, batch_size):
    net = nn.Linear(features.shape[1], 1)
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for X, y in data_iter(batch_size, features, labels):
            net.zero_grad()
            nn.functional.mse_loss(net(X), y).backward()
            opt.step()
    return net
#@ right concise from_zero -> -
def train_concise(features, labels, lr, num_epochs, batch_size):
    net = nn.Linear(features.shape[1], 1)
    nn.init.zeros_(net.weight)
    nn.init.zeros_(net.bias)
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            opt.zero_grad()
            nn.MSELoss()(net(X), y).backward()
            opt.step()
    return net
