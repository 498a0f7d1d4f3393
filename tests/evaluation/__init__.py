"""How well a model plans and writes: a fixed set of briefs, every check that needs no model, one table."""
