"""What every picture shares: colours, limits, thinning, and the static picture itself."""
