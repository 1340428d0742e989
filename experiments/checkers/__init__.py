"""Judges that belong to no topic: histories, consistency models, convergence, progress, properties."""
