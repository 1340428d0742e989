"""ASKS: scenarios, workloads, checkers, sweeps, tables, plots and the command line."""
