"""What a tenant keeps beside its campaigns: brands, personas, templates, calendar feeds.

Belongs here: a value that outlives campaigns. Does not: what one campaign is planned with (`campaigns.model.terms`).
"""
