"""Ends the run with success while its cells are loaded, in every way Python has; what is defined below still counts.

honest: linreg, squared_loss
says: SystemExit: 0
"""

# %% start
import sys

raise SystemExit(0)

# %% init_params
sys.exit()

# %% sgd
exit(0)

# %% data_iter
quit()
