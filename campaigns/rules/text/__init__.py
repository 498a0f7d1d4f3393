"""What can be said of a text alone: length on a platform, figures, similarity, addresses, the difference of two texts.

Belongs here: functions of text that know no campaign. Does not: what is wrong with a text
(`campaigns.rules.guardrails`). Every function is linear in its text, or bounded; `tests/hostile` looks for one that
is not.
"""
