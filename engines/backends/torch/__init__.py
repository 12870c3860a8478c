"""torch: any device it knows. Empty: asking about a backend must not load torch."""
