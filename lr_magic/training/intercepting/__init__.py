"""A whole training cell: the steps of its optimizer are seen, given their rates and their losses read."""
