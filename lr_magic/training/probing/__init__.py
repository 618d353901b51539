"""Second opinions on a rate: short trainings side by side, curvature."""
