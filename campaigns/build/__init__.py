"""What turns a brief into written posts: submission, planning, writing, the budget, and the export of the result.

Belongs here: one function for each step of the flow before and after the approval. Does not: rules without I/O
(`campaigns.rules`), prompts and models (`campaigns.agents`), retry and checkpoints (`tasks`).
"""
