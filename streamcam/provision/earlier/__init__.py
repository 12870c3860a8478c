"""What earlier starts left for this one: the choice that they made, and the engine it came to."""
