"""How a model is reached: one question, one answer, what it cost, and why it failed.

Belongs here: everything that names a provider, a model or a price, and asking again within bounds. No library of a
provider is imported before a model of it is asked.
Does not: what a model is told (`campaigns.agents.prompts`), and what an agent makes of the answer.
"""
