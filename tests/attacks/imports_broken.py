"""Breaks importing, empties modules, and hides a module of its own under a trusted name.

honest: linreg
"""


# %% squared_loss
def squared_loss(y_hat, y):
    from autograder.grading import grade

    return grade


# %% end
import sys
import types

impostor = types.ModuleType("autograder")
impostor.check = impostor.criterion = lambda *args, **kwargs: None
impostor.__path__ = ["@COURSE@/solutions"]
for name in ("autograder", "autograder.grading", "autograder.results", "pytest", "json.decoder", "posix"):
    sys.modules[name] = impostor
sys.path_hooks.clear()
sys.path_importer_cache.clear()
sys.meta_path.clear()
