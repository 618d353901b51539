"""The person's own step, where its source is known: found, cut out, and run as their code would run it."""
