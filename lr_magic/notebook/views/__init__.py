"""What a person sees and clicks; fed by records, knows nothing of a loop."""
