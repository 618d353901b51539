"""The `for` form of a cell: the inside of a person's loop becomes the step of a `TrainingSetup`."""
