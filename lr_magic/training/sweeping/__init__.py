"""The range test: the state of a sweep and the loop that makes its steps."""
