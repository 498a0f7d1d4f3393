"""The arithmetic under a calendar: moments at which a post may go out, how many are needed, and who takes which.

Belongs here: weeks, days, windows, shares and distances, said on marks of time.
Does not: what a post is for (`calendar.intents`), and days with a name (`calendar.dates`).
"""
