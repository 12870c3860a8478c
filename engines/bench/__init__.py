"""What an engine costs: measured, beside its networks alone, and beside other programs."""
