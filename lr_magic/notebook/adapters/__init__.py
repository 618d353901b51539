"""Frameworks: each adapter turns one framework's object into a setup, and is imported only where that framework is."""
