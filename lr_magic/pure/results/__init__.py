"""Records and results: frozen, plain, serialisable."""
