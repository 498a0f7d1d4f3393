"""Approvals: links, the protocol, the page, and who is told what."""
