"""The torch ring: what trains; imports torch and the pure ring, never the notebook."""
