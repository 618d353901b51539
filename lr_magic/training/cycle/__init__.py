"""One-cycle training: the loop, its rates, its length, its blow-ups."""
