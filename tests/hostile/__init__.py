"""What hostile text costs: every expression and every reader of the product, found by looking, not by a list."""
