"""Documents that are made from the code: settings, calendars of samples, what the image is made of.

Belongs here: a program that prints a file under `docs/`, or of a release. Does not: pages that the API serves.
"""
