"""The notebook ring: what a person touches; may import everything further in."""
