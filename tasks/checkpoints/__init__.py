"""What the result of a step is kept in: key, codec, sealed storage, retention, and the receipt that a restart asks for.

Belongs here: Prefect's persistence on top of `campaigns.checkpoints`. Does not: which step
keeps what (the steps say so).
"""
