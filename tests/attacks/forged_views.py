"""Moves the place at which functions are looked at: grade cells reached twice, views exchanged, names that change.

honest: linreg
loses: linreg.*
"""


# %% squared_loss
def squared_loss(y_hat, y):
    return y_hat


# %% end
import gc


class Shifting(dict):
    def __getitem__(self, name):
        raise KeyError(name)

    def __contains__(self, name):
        return True


for notebook in [found for found in gc.get_objects() if type(found).__name__ == "Notebook"]:
    notebook.exercise_of = dict.fromkeys(notebook.exercise_of, "sgd")
    notebook.reach_grade_cell("sgd")
    notebook._views = Shifting()
    notebook._current = "concise"
    notebook.names = Shifting(notebook.names)
