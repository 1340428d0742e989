"""ASKS: scenarios, workloads, checkers, sweeps, tables, plots and the command line."""

if __name__ != "simclock.experiments":
    raise ImportError(f"{__name__} would be a second copy of simclock.experiments: import that")
