"""The product on one machine: the stack of `make up` and `make demo`, stand-ins for AWS and the model.

Belongs here: what needs nothing but this repository. Does not: an installation for others (`deployments.aws`,
`compose.yaml`), and commands that work on any of them (`deployments.commands`).
"""
