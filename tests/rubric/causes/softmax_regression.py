#@ wrong softmax over_samples -> softmax-columns | softmax-columns-overflowing | wrong-axis
def softmax(X):
    powers = X.exp()
    return powers / powers.sum(0, keepdim=True)
#@ wrong softmax whole_table -> softmax-over-everything | over-everything
def softmax(X):
    e = torch.exp(X - X.max())
    return e / e.sum()
#@ wrong softmax as_in_the_book -> softmax-overflows | not-a-number
def softmax(X):
    powers = torch.exp(X)
    total = powers.sum(1, keepdim=True)
    return powers / total
#@ wrong softmax one_maximum -> softmax-one-maximum | not-a-number
def softmax(X):
    e = torch.exp(X - torch.max(X))
    return e / e.sum(dim=1, keepdim=True)
#@ wrong softmax no_keepdim -> softmax-without-keepdim
def softmax(X):
    e = (X - X.max(1, keepdim=True)[0]).exp()
    return e / e.sum(1)
#@ wrong softmax no_division -> softmax-unnormalised | row-factor
def softmax(X):
    return torch.exp(X - X.amax(dim=1, keepdim=True))
#@ wrong softmax logs -> softmax-log | logarithm-taken
def softmax(X):
    shifted = X - X.amax(dim=1, keepdim=True)
    return shifted - torch.log(shifted.exp().sum(dim=1, keepdim=True))
#@ wrong softmax in_place -> softmax-in-place | changed-in-place
def softmax(X):
    X.data -= X.data.amax(dim=1, keepdim=True)
    e = torch.exp(X)
    return e / e.sum(dim=1, keepdim=True)
#@ wrong softmax without_graph -> softmax-cuts-the-graph | detached
@torch.no_grad()
def softmax(X):
    e = torch.exp(X - X.amax(dim=1, keepdim=True))
    return e / e.sum(dim=1, keepdim=True)
#@ wrong softmax logistic -> softmax-sigmoid
def softmax(X):
    return 1 / (1 + torch.exp(-X))
#@ wrong softmax averaged -> softmax-mean | row-factor
def softmax(X):
    e = torch.exp(X)
    return e / torch.mean(e, dim=1, keepdim=True)
#@ wrong softmax doubled_dims -> softmax-minimum
def softmax(X):
    low, _ = X.min(dim=1, keepdim=True)
    e = torch.exp(X - low)
    return e / e.sum(dim=1, keepdim=True)
#@ right softmax amax -> -
def softmax(X):
    e = (X - X.amax(1, keepdim=True)).exp()
    return e / e.sum(1, keepdim=True)
#@ right softmax by_rows -> -
def softmax(X):
    rows = []
    for x in X:
        e = torch.exp(x - x.max())
        rows.append(e / e.sum())
    return torch.stack(rows)
#@ right softmax detached_maximum -> -
def softmax(X):
    e = torch.exp(X - X.detach().max(dim=1)[0].unsqueeze(1))
    return e.div(e.sum(dim=1).unsqueeze(1))

#@ wrong net raw_scores -> net-scores | softmax-missing
def net(X, W, b):
    return torch.matmul(X.flatten(1), W) + b
#@ wrong net twice -> net-softmax-twice | softmax-twice
def net(X, W, b):
    out = softmax(X.flatten(1) @ W + b)
    return softmax(out)
#@ wrong net no_bias -> net-without-bias | bias
def net(X, W, b):
    return softmax(X.flatten(1) @ W)
#@ wrong net unflattened -> net-does-not-flatten
def net(X, W, b):
    return softmax(torch.matmul(X, W) + b)
#@ wrong net fixed_784 -> net-fixed-pixels
def net(X, W, b):
    return softmax(X.view(-1, 784) @ W + b)
#@ wrong net late_bias -> net-bias-outside
def net(X, W, b):
    return softmax(X.reshape(X.shape[0], -1) @ W) + b
#@ wrong net detached -> net-cuts-the-graph | detached
def net(X, W, b):
    with torch.no_grad():
        return softmax(X.reshape(-1, W.shape[0]) @ W + b)
#@ wrong net minus -> net-minus-bias | bias
def net(X, W, b):
    return softmax(X.reshape(-1, W.shape[0]) @ W - b)
#@ wrong net sigmoid -> net-sigmoid
def net(X, W, b):
    return torch.sigmoid(X.reshape(-1, W.shape[0]) @ W + b)
#@ right net by_W -> -
def net(X, W, b):
    return softmax(torch.matmul(X.reshape((-1, W.shape[0])), W) + b)
#@ right net addmm -> -
def net(X, W, b):
    return softmax(torch.addmm(b, X.flatten(1), W))
#@ right net own_softmax -> -
def net(X, W, b):
    o = X.flatten(1) @ W + b
    return torch.softmax(o, dim=1)

#@ wrong cross_entropy no_minus -> ce-sign | negated
def cross_entropy(y_hat, y):
    return torch.log(y_hat[range(len(y_hat)), y] + 1e-10)
#@ wrong cross_entropy averaged -> ce-mean | reduced
def cross_entropy(y_hat, y):
    return -torch.log(y_hat[range(len(y_hat)), y].clamp(1e-10)).mean()
#@ wrong cross_entropy total -> ce-sum | reduced
def cross_entropy(y_hat, y):
    return -torch.log(y_hat.gather(1, y[:, None]).clamp(1e-10)).sum()
#@ wrong cross_entropy book -> ce-zero-is-infinite | infinite
def cross_entropy(y_hat, y):
    return -torch.log(y_hat[range(len(y_hat)), y])
#@ wrong cross_entropy ready_made -> ce-functional-on-probabilities | ce-softmax-again
def cross_entropy(y_hat, y):
    return nn.CrossEntropyLoss(reduction="none")(y_hat, y)
#@ wrong cross_entropy one_hot -> ce-one-hot-nan | not-a-number
def cross_entropy(y_hat, y):
    Y = nn.functional.one_hot(y, y_hat.shape[1])
    return -(Y * y_hat.log()).sum(1)
#@ wrong cross_entropy table -> ce-pairs-every-row-with-every-label | broadcast-to-n-by-n
def cross_entropy(y_hat, y):
    return -y_hat[:, y].clamp(1e-10).log()
#@ wrong cross_entropy base2 -> ce-log2 | logarithm-base
def cross_entropy(y_hat, y):
    return -torch.log2(y_hat[range(len(y_hat)), y].clamp(1e-10))
#@ wrong cross_entropy without_log -> ce-probability | logarithm-missing
def cross_entropy(y_hat, y):
    return -y_hat[range(len(y_hat)), y]
#@ wrong cross_entropy every_class -> ce-all-classes
def cross_entropy(y_hat, y):
    return -torch.log(y_hat.clamp(1e-10)).sum(dim=1)
#@ wrong cross_entropy pair_formula -> ce-binary-terms
def cross_entropy(y_hat, y):
    Y = nn.functional.one_hot(y, y_hat.shape[1])
    y_hat = y_hat.clamp(1e-10, 1)
    return -(Y * y_hat.log() + (1 - Y) * (1 - y_hat).clamp(1e-10).log()).sum(dim=1)
#@ wrong cross_entropy as_a_row -> dimension-added
def cross_entropy(y_hat, y):
    return -torch.log(y_hat[range(len(y_hat)), y].clamp(1e-10)).reshape(1, -1)
#@ wrong cross_entropy large_epsilon -> ce-epsilon-too-large
def cross_entropy(y_hat, y):
    return -torch.log(y_hat[range(len(y_hat)), y] + 0.01)
#@ wrong cross_entropy added_in_place -> ce-changes-predictions | changed-in-place
def cross_entropy(y_hat, y):
    y_hat.data += 1e-9
    return -torch.log(y_hat[range(len(y_hat)), y])
#@ right cross_entropy gathered -> -
def cross_entropy(y_hat, y):
    return -y_hat.gather(1, y.view(-1, 1)).clamp(min=1e-9).log()
#@ right cross_entropy nll -> -
def cross_entropy(y_hat, y):
    return nn.functional.nll_loss(torch.log(y_hat + 1e-9), y, reduction="none")
#@ right cross_entropy masked -> -
def cross_entropy(y_hat, y):
    Y = nn.functional.one_hot(y, y_hat.shape[1])
    return -torch.log((Y * y_hat).sum(dim=1) + 1e-9)

#@ wrong accuracy number -> accuracy-count | count
def accuracy(y_hat, y):
    return float((y_hat.argmax(1) == y).sum())
#@ wrong accuracy over_rows -> accuracy-columns-unfitting | accuracy-columns
def accuracy(y_hat, y):
    return float((y_hat.argmax(0) == y).float().mean())
#@ wrong accuracy whole -> accuracy-of-the-whole-table
def accuracy(y_hat, y):
    return float((torch.argmax(y_hat) == y).type(torch.float32).mean())
#@ wrong accuracy percentage -> accuracy-percent | percent
def accuracy(y_hat, y):
    return 100 * float((y_hat.argmax(1) == y).sum()) / len(y)
#@ wrong accuracy wrong_ones -> accuracy-error-rate | complement
def accuracy(y_hat, y):
    return float((y_hat.argmax(1) != y).sum()) / len(y)
#@ wrong accuracy each -> accuracy-per-sample
def accuracy(y_hat, y):
    return (y_hat.argmax(1) == y).float()
#@ wrong accuracy largest -> accuracy-largest-scores
def accuracy(y_hat, y):
    return float((y_hat.max(1)[0] == y).float().mean())
#@ wrong accuracy fixed_ten -> accuracy-fixed-batch
def accuracy(y_hat, y):
    return float((y_hat.argmax(1) == y).sum()) / 10
#@ wrong accuracy classes -> accuracy-divided-by-classes
def accuracy(y_hat, y):
    return float((y_hat.argmax(1) == y).sum()) / len(y_hat[0])
#@ right accuracy counted -> -
def accuracy(y_hat, y):
    return sum(int(row.argmax()) == int(t) for row, t in zip(y_hat, y)) / len(y)
#@ right accuracy tensor -> -
def accuracy(y_hat, y):
    return torch.eq(torch.max(y_hat, 1)[1], y).double().mean()
#@ right accuracy typed -> -
def accuracy(y_hat, y):
    cmp = y_hat.argmax(axis=1).type(y.dtype) == y
    return float(cmp.type(y.dtype).sum()) / len(y)

#@ wrong evaluate_accuracy means -> eval-mean-of-batches
def evaluate_accuracy(data_iter, net):
    was = isinstance(net, nn.Module) and net.training
    if isinstance(net, nn.Module):
        net.eval()
    with torch.no_grad():
        parts = [float(accuracy(net(X), y)) for X, y in data_iter]
    if was:
        net.train()
    return sum(parts) / len(parts)
#@ wrong evaluate_accuracy graph -> eval-builds-a-graph | eval-detaches-afterwards
def evaluate_accuracy(data_iter, net):
    was = isinstance(net, nn.Module) and net.training
    if isinstance(net, nn.Module):
        net.eval()
    hits, seen = 0, 0
    for X, y in data_iter:
        hits += float((net(X).argmax(1) == y).sum())
        seen += y.numel()
    if was:
        net.train()
    return hits / seen
#@ wrong evaluate_accuracy left -> eval-leaves-eval-mode
@torch.no_grad()
def evaluate_accuracy(data_iter, net):
    if isinstance(net, nn.Module):
        net.eval()
    hits, seen = 0, 0
    for X, y in data_iter:
        hits += float((net(X).argmax(1) == y).sum())
        seen += y.numel()
    return hits / seen
#@ wrong evaluate_accuracy never_eval -> eval-in-train-mode
@torch.no_grad()
def evaluate_accuracy(data_iter, net):
    hits, seen = 0, 0
    for X, y in data_iter:
        hits += float((net(X).argmax(1) == y).sum())
        seen += y.numel()
    return hits / seen
#@ wrong evaluate_accuracy always_train -> eval-always-train-mode
@torch.no_grad()
def evaluate_accuracy(data_iter, net):
    if isinstance(net, nn.Module):
        net.eval()
    hits, seen = 0, 0
    for X, y in data_iter:
        hits += float((net(X).argmax(1) == y).sum())
        seen += y.numel()
    if isinstance(net, nn.Module):
        net.train()
    return hits / seen
#@ wrong evaluate_accuracy first_only -> eval-first-batch-only
@torch.no_grad()
def evaluate_accuracy(data_iter, net):
    was = isinstance(net, nn.Module) and net.training
    if isinstance(net, nn.Module):
        net.eval()
    for X, y in data_iter:
        if was:
            share = float((net(X).argmax(1) == y).sum()) / len(y)
            net.train()
            return share
        return float((net(X).argmax(1) == y).sum()) / len(y)
#@ wrong evaluate_accuracy count -> eval-count | count
@torch.no_grad()
def evaluate_accuracy(data_iter, net):
    was = isinstance(net, nn.Module) and net.training
    if isinstance(net, nn.Module):
        net.eval()
    hits = sum(float((net(X).argmax(1) == y).sum()) for X, y in data_iter)
    if was:
        net.train()
    return hits
#@ wrong evaluate_accuracy means_graph_train -> eval-mean-of-batches | eval-builds-a-graph | eval-detaches-afterwards | eval-in-train-mode
def evaluate_accuracy(data_iter, net):
    shares = []
    for X, y in data_iter:
        shares.append(accuracy(net(X), y))
    return sum(shares) / len(shares)
#@ wrong evaluate_accuracy graph_and_mode -> eval-builds-a-graph | eval-detaches-afterwards | eval-in-train-mode
def evaluate_accuracy(data_iter, net):
    hits, seen = 0, 0
    for X, y in data_iter:
        hits += float((net(X).argmax(1) == y).sum())
        seen += y.numel()
    return hits / seen
#@ right evaluate_accuracy finally_restored -> -
def evaluate_accuracy(data_iter, net):
    module = isinstance(net, nn.Module)
    was = net.training if module else None
    if module:
        net.eval()
    hits = seen = 0
    with torch.no_grad():
        for X, y in data_iter:
            hits += int((net(X).argmax(1) == y).sum())
            seen += len(y)
    if module:
        net.train(was)
    return hits / seen

#@ wrong train uncleared_by_numpy -> train-never-zeroes
def train(features, labels, num_classes, lr, num_epochs, batch_size):
    import numpy as np
    W = torch.zeros(features[0].numel(), num_classes, requires_grad=True)
    b = torch.zeros(num_classes, requires_grad=True)
    for _ in range(num_epochs):
        rows = np.random.permutation(len(features))
        for i in range(0, len(rows), batch_size):
            part = rows[i:i + batch_size]
            cross_entropy(net(features[part], W, b), labels[part]).mean().backward()
            with torch.no_grad():
                W -= lr * W.grad
                b -= lr * b.grad
    return W, b
#@ wrong train twice_by_loader -> train-averages-twice
def train(features, labels, num_classes, lr, num_epochs, batch_size):
    W = torch.normal(0, 0.01, (features[0].numel(), num_classes), requires_grad=True)
    b = torch.zeros(num_classes, requires_grad=True)
    for _ in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            cross_entropy(net(X, W, b), y).mean().backward()
            with torch.no_grad():
                for p in (W, b):
                    p -= lr * p.grad / batch_size
                    p.grad.zero_()
    return W, b
#@ wrong train undivided -> train-sum-undivided
def train(features, labels, num_classes, lr, num_epochs, batch_size):
    W = torch.normal(0, 0.01, (features[0].numel(), num_classes), requires_grad=True)
    b = torch.zeros(num_classes, requires_grad=True)
    for _ in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            cross_entropy(net(X, W, b), y).sum().backward()
            with torch.no_grad():
                for p in (W, b):
                    p -= lr * p.grad
                    p.grad.zero_()
    return W, b
#@ wrong train no_bias -> train-without-bias
def train(features, labels, num_classes, lr, num_epochs, batch_size):
    W = torch.normal(0, 0.01, (features[0].numel(), num_classes), requires_grad=True)
    b = torch.zeros(num_classes)
    for _ in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            cross_entropy(net(X, W, b), y).mean().backward()
            with torch.no_grad():
                W -= lr * W.grad
                W.grad.zero_()
    return W, b
#@ wrong train unshuffled -> train-never-shuffles
def train(features, labels, num_classes, lr, num_epochs, batch_size):
    W = torch.normal(0, 0.01, (features[0].numel(), num_classes), requires_grad=True)
    b = torch.zeros(num_classes, requires_grad=True)
    for _ in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size):
            cross_entropy(net(X, W, b), y).mean().backward()
            with torch.no_grad():
                for p in (W, b):
                    p -= lr * p.grad
                    p.grad.zero_()
    return W, b
#@ wrong train large_start -> train-starts-large
def train(features, labels, num_classes, lr, num_epochs, batch_size):
    W = torch.randn(features[0].numel(), num_classes, requires_grad=True)
    b = torch.zeros(num_classes, requires_grad=True)
    for _ in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            cross_entropy(net(X, W, b), y).mean().backward()
            with torch.no_grad():
                for p in (W, b):
                    p -= lr * p.grad
                    p.grad.zero_()
    return W, b
#@ wrong train after_one_batch -> train-returns-after-one-batch
def train(features, labels, num_classes, lr, num_epochs, batch_size):
    W = torch.normal(0, 0.01, (features[0].numel(), num_classes), requires_grad=True)
    b = torch.zeros(num_classes, requires_grad=True)
    for _ in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            cross_entropy(net(X, W, b), y).mean().backward()
            with torch.no_grad():
                for p in (W, b):
                    p -= lr * p.grad
                    p.grad.zero_()
            return W, b
#@ wrong train fixed_lr -> train-fixed-learning-rate
def train(features, labels, num_classes, lr, num_epochs, batch_size):
    W = torch.normal(0, 0.01, (features[0].numel(), num_classes), requires_grad=True)
    b = torch.zeros(num_classes, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=0.1)
    for _ in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            optimizer.zero_grad()
            cross_entropy(net(X, W, b), y).mean().backward()
            optimizer.step()
    return W, b
#@ wrong train unshuffled_uncleared -> train-never-shuffles | train-never-zeroes
def train(features, labels, num_classes, lr, num_epochs, batch_size):
    W = torch.normal(0, 0.01, (features[0].numel(), num_classes), requires_grad=True)
    b = torch.zeros(num_classes, requires_grad=True)
    for _ in range(num_epochs):
        for i in range(0, len(features), batch_size):
            X, y = features[i:i + batch_size], labels[i:i + batch_size]
            cross_entropy(net(X, W, b), y).mean().backward()
            with torch.no_grad():
                for p in (W, b):
                    p -= lr * p.grad
    return W, b
#@ wrong train squared -> train-squared-loss
def train(features, labels, num_classes, lr, num_epochs, batch_size):
    W = torch.normal(0, 0.01, (features[0].numel(), num_classes), requires_grad=True)
    b = torch.zeros(num_classes, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=lr)
    for _ in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            optimizer.zero_grad()
            target = nn.functional.one_hot(y, num_classes)
            ((net(X, W, b) - target) ** 2 / 2).sum(dim=1).mean().backward()
            optimizer.step()
    return W, b
#@ right train by_random -> -
def train(features, labels, num_classes, lr, num_epochs, batch_size):
    import random
    W = torch.zeros(features[0].numel(), num_classes, requires_grad=True)
    b = torch.zeros(num_classes, requires_grad=True)
    for _ in range(num_epochs):
        rows = list(range(len(features)))
        random.shuffle(rows)
        for i in range(0, len(rows), batch_size):
            part = rows[i:i + batch_size]
            W.grad = b.grad = None
            cross_entropy(net(features[part], W, b), labels[part]).sum().backward()
            with torch.no_grad():
                W -= lr * W.grad / len(part)
                b -= lr * b.grad / len(part)
    return W, b
#@ right train optimiser -> -
def train(features, labels, num_classes, lr, num_epochs, batch_size):
    W = torch.normal(0, 0.01, (features[0].numel(), num_classes), requires_grad=True)
    b = torch.zeros(num_classes, requires_grad=True)
    optimizer = torch.optim.SGD([W, b], lr=lr)
    for _ in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            optimizer.zero_grad()
            nn.functional.cross_entropy(X.flatten(1) @ W + b, y).backward()
            optimizer.step()
    return W, b

#@ wrong concise probabilities -> concise-softmax-twice
def train_concise(features, labels, num_classes, lr, num_epochs, batch_size):
    net = nn.Sequential(nn.Flatten(), nn.Linear(features[0].numel(), num_classes), nn.Softmax(1))
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            opt.zero_grad()
            nn.functional.cross_entropy(net(X), y).backward()
            opt.step()
    return net
#@ wrong concise uncleared -> concise-never-zeroes
def train_concise(features, labels, num_classes, lr, num_epochs, batch_size):
    net = nn.Sequential(nn.Flatten(), nn.Linear(features[0].numel(), num_classes))
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for rows in torch.randperm(len(features)).split(batch_size):
            nn.functional.cross_entropy(net(features[rows]), labels[rows]).backward()
            opt.step()
    return net
#@ wrong concise unflattened -> concise-does-not-flatten
def train_concise(features, labels, num_classes, lr, num_epochs, batch_size):
    net = nn.Linear(features[0].numel(), num_classes)
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            opt.zero_grad()
            nn.functional.cross_entropy(net(X), y).backward()
            opt.step()
    return net
#@ wrong concise unshuffled -> concise-never-shuffles
def train_concise(features, labels, num_classes, lr, num_epochs, batch_size):
    net = nn.Sequential(nn.Flatten(), nn.Linear(features[0].numel(), num_classes))
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for i in range(0, len(features), batch_size):
            opt.zero_grad()
            nn.functional.cross_entropy(net(features[i:i + batch_size]), labels[i:i + batch_size]).backward()
            opt.step()
    return net
#@ wrong concise no_step -> concise-never-steps | concise-zeroes-before-the-step | concise-never-backward
def train_concise(features, labels, num_classes, lr, num_epochs, batch_size):
    net = nn.Sequential(nn.Flatten(), nn.Linear(features[0].numel(), num_classes))
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for rows in torch.randperm(len(features)).split(batch_size):
            opt.zero_grad()
            nn.functional.cross_entropy(net(features[rows]), labels[rows]).backward()
    return net
#@ wrong concise summed -> concise-sum-undivided
def train_concise(features, labels, num_classes, lr, num_epochs, batch_size):
    net = nn.Sequential(nn.Flatten(), nn.Linear(features[0].numel(), num_classes))
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for rows in torch.randperm(len(features)).split(batch_size):
            opt.zero_grad()
            nn.functional.cross_entropy(net(features[rows]), labels[rows], reduction="sum").backward()
            opt.step()
    return net
#@ wrong concise hidden -> concise-hidden-layer
def train_concise(features, labels, num_classes, lr, num_epochs, batch_size):
    net = nn.Sequential(nn.Flatten(), nn.Linear(features[0].numel(), 64), nn.ReLU(), nn.Linear(64, num_classes))
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for X, y in DataLoader(TensorDataset(features, labels), batch_size, shuffle=True):
            opt.zero_grad()
            nn.functional.cross_entropy(net(X), y).backward()
            opt.step()
    return net
#@ right concise by_rows -> -
def train_concise(features, labels, num_classes, lr, num_epochs, batch_size):
    net = nn.Sequential(nn.Flatten(), nn.Linear(features[0].numel(), num_classes))
    opt = torch.optim.SGD(net.parameters(), lr)
    for _ in range(num_epochs):
        for rows in torch.randperm(len(features)).split(batch_size):
            opt.zero_grad()
            nn.functional.cross_entropy(net(features[rows]), labels[rows]).backward()
            opt.step()
    return net
