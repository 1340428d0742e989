"""A rate limiter."""
