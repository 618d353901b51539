"""From the text after a magic to checked settings."""
