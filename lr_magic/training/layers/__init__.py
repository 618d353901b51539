"""Layer groups of a model: found, frozen, each with a rate of its own."""
