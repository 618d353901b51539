"""What the curve of a range test says: smoothed, judged, read in words, a rate suggested."""
