"""Every feature of the kernel in one run."""
