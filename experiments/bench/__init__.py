"""`simclock bench`: what the kernel costs, as ratios to what it could cost. Everything is measured side by side.

Laws: two things are compared only when they were measured alternating, A B A B, in one run; a figure is the median of
the ratios of neighbours, with the least and the greatest beside it; a target stands beside what was measured and is
said to be missed where it is missed.
"""

from simclock.experiments.bench.command import bench

__all__ = ["bench"]
