"""What is signed and sealed: the key rings, the sealed bytes of a checkpoint, the signed links of an approver.

Belongs here: cryptography and the claims it carries. Does not: where a key comes from (`campaigns.settings`,
`campaigns.wiring`), what a link allows (`campaigns.rules.approval`).
"""
