"""The product on one machine, to try out: `make up`, in the foreground until Ctrl-C.

Its state is in `.up/`, and afresh each time. `.up/env` tells another shell where everything is (source it),
and `.up/brief.json` is the sample brief with dates that lie ahead.
"""

import fcntl
import json
import shlex
import shutil
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NoReturn

from campaigns.rules.freshen import moved_ahead
from deployments.local.stack import MARKER, LocalStack, StackError, let_be_stopped, seed
from deployments.place import ROOT

HOME: Final = Path(".up")
TENANT: Final = "fernwood"
# What the API, a command or a run started by hand needs of us; the server is set up already.
_TOLD: Final = ("CAMPAIGNS_", "PREFECT_API_", "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK")


def main() -> int:
    let_be_stopped()
    HOME.mkdir(mode=0o700, exist_ok=True)
    with (HOME / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            print(f"another `make up` runs on {HOME.resolve()}", file=sys.stderr)
            return 1
        _empty(HOME)
        stack, told = LocalStack(HOME), HOME / "env"
        try:
            _serve(stack, told)
        except KeyboardInterrupt:
            print("\nstopped; nothing is left running", flush=True)
            return 0
        except StackError as error:
            print(f"\n{error}\nLogs: {stack.logs}", file=sys.stderr)
            return 1
        finally:
            told.unlink(missing_ok=True)
            stack.stop()


def _serve(stack: LocalStack, told: Path) -> NoReturn:
    stack.start(lambda what: print(f"  {what}", flush=True))
    print(f"  stored {seed(stack.env, TENANT)} for the tenant {TENANT}", flush=True)
    brief = json.loads((ROOT / "samples" / "spring-harvest.json").read_text())
    ahead = moved_ahead(brief, datetime.now(UTC).date())
    (stack.home / "brief.json").write_text(json.dumps(ahead, indent=2, ensure_ascii=False) + "\n")
    _tell(told, {"API": stack.api_url, **stack.env})
    print(f"\nReady: API {stack.api_url} (documentation at /docs), Prefect UI {stack.prefect_url}")
    print(
        f"Sign in to Prefect with campaigns:{stack.password}. In another shell: . {HOME}/env   Ctrl-C stops.",
        flush=True,
    )
    while not (dead := stack.dead()):
        time.sleep(1)
    raise StackError(f"the {dead} died:\n{stack.tail(dead)}")


def _empty(folder: Path) -> None:
    for each in folder.iterdir():
        if each.is_dir():
            shutil.rmtree(each)
        elif each.name != ".lock":
            each.unlink()


def _tell(path: Path, env: Mapping[str, str]) -> None:
    """Write what another shell needs; it holds keys, so it is for its owner's eyes only.

    Not the mark of our processes: what is started from that shell is not ours to end. It waits for the file and
    reads it at once: it is there whole or not at all.
    """
    told = {name: value for name, value in env.items() if name == "API" or (name.startswith(_TOLD) and name != MARKER)}
    unfinished = path.with_suffix(".new")
    unfinished.touch(mode=0o600)
    unfinished.write_text("".join(f"export {name}={shlex.quote(value)}\n" for name, value in told.items()))
    unfinished.replace(path)


if __name__ == "__main__":
    sys.exit(main())
