"""Reports failures of its cells in numbers and sizes that no honest worker sends.

honest: linreg
says: malformed line number
"""

# %% start
import gc

Worker = type(next(found for found in gc.get_objects() if type(found).__name__ == "Worker"))
honest = Worker._reply


def lie(self, value):
    if value == []:
        value = [["boom", "b" * 3000, [["code cell 1", 10**300, "f", "x"]] * 5, False]] * 200
    honest(self, value)


Worker._reply = lie
