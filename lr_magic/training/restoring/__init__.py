"""Everything as it was: tensors, objects, loaders, schedulers, random numbers."""
