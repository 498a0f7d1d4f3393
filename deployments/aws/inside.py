"""Runs a command in a container of an environment: `make inside ENV=prod RUN="prefect work-pool inspect campaigns"`.

Nobody reaches Prefect from outside; a command goes where a worker runs, with its settings and its roles, and what it
printed comes back. Every use stands in CloudTrail (RunTask), with who it was.
"""

import shlex
import sys
from collections.abc import Callable, Sequence

from botocore.exceptions import BotoCoreError, ClientError

from deployments.aws.deploy import DeployError, Installation, opened
from deployments.aws.environment import EnvironmentFaultsError


def main(arguments: Sequence[str] | None = None, *, environment: Callable[[str], Installation] = opened) -> int:
    name, *command = sys.argv[1:] if arguments is None else arguments
    if len(command) == 1:
        command = shlex.split(command[0])
    if not command:
        print('which command? make inside ENV=prod RUN="python -m deployments.commands.doctor"', file=sys.stderr)
        return 1
    try:
        code, said = environment(name).run_in_image(command)
    except EnvironmentFaultsError as error:
        print("\n".join(error.faults), file=sys.stderr)
        return 1
    except (DeployError, BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    print(said)
    return code


if __name__ == "__main__":
    sys.exit(main())
