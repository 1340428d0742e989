"""Message programs: small concurrent programs, written as generators, whose every execution is explored."""
