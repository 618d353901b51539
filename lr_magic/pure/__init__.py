"""The pure ring: numbers and records; imports the standard library and numpy, nothing else of the package."""
