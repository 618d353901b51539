"""The numbers of a training's cycle: peaks of groups, pieces of a steered cycle."""
