"""What the pages say, as values for the templates, and what their forms carry.

Belongs here: a function of what is stored or typed that returns what a template shows. Does not: requests and
answers of HTTP (`api.review`), words (`campaigns.texts`).
"""
