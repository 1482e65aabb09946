"""Changes what torch does for everybody: types, threads, gradients, determinism, hooks, the place tensors are made.

honest: linreg
loses: linreg.gradient
"""

# %% end
import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(2)
torch._C._set_deterministic_algorithms(True)  # the public way imports the compiler, longer than a cell may take or not
torch.autograd.set_detect_anomaly(True)
torch.set_flush_denormal(True)
torch.set_printoptions(precision=20)
torch.nn.modules.module.register_module_forward_hook(lambda *args: torch.zeros(1))
torch.autograd.graph.saved_tensors_hooks(lambda x: x * 0, lambda x: x * 0).__enter__()
torch.set_default_device("meta")
torch.autograd.set_grad_enabled(False)
