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
        frames = [[["code cell 1", 10**300, "f", "x"] for _ in range(5)] for _ in range(200)]
        value = [["boom", "b" * 3000, frame, False] for frame in frames]
    honest(self, value)


Worker._reply = lie
