"""What a tenant keeps beside its campaigns: brands with their files, personas with their texts, templates.

Belongs here: a resource that campaigns are made from. Does not: campaigns, and what is decided about them.
"""
