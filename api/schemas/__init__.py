"""What the API says of itself and of a campaign: JSON on the wire, versions as ETags, OpenAPI, the execution view.

Belongs here: shapes of answers. Does not: the values behind them (`campaigns.model`).
"""
