"""The agents: planner, writer and style inference. Words come from a model; nothing else does.

Each has a `run(tenant_id, input)` that returns an output with `success` and `error`
(`campaigns.agents.contracts`) and raises nothing a caller would have to handle. Agents see no key,
no token and no other tenant's data, write to no store and remember nothing between calls.
Importing this package imports no model library.

Belongs here: what a model is told, and what becomes of its answer. Does not: when and how often an agent is asked
(`campaigns.build`), and rules that need no model (`campaigns.rules`).
"""
