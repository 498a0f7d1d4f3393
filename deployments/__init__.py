"""What it runs on: the local stack and its demo, blocks, and commands for operators.

Belongs here: what runs the product, and nothing that the product imports. Does not: any rule about campaigns.
"""
