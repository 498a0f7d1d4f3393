"""What a tenant keeps beside its campaigns: brands with their files, personas with their examples, templates, feeds.

Belongs here: a repository of what campaigns draw from, or what is made from many of them.
Does not: what a campaign keeps of it once it is planned (`campaign.planned_with`).
"""
