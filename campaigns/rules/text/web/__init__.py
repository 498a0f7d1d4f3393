"""Addresses of the web: what they are, whose host they name, what is added to a link.

Belongs here: functions of an address. Does not: calling one.
"""
