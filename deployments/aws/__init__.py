"""An installation on AWS: its three stacks (data, run, watch), what an environment is, and how a stack is changed.

Here: CloudFormation templates, and the commands for an environment there. Not here: the emulator
(`deployments.local.aws_local`).
"""
