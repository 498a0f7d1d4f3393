"""An installation on AWS: its three stacks (data, run, watch), what an environment is, and how a stack is changed.

Here: CloudFormation templates and whatever talks to AWS about them. Not here: commands (`deployments.deploy`), and the
emulator (`deployments.aws_local`).
"""
