"""What it runs on: the local stack and its demo, blocks, and commands for operators."""
