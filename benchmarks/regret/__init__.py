"""How good is a suggested learning rate: many small trainings over a grid of rates, and the regret of each rule."""
