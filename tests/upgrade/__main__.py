"""Upgrades an installation from a release before to this code while campaigns wait and one is built, and goes back.

    make upgrade-drill ARGS="--from v0.1.0"

Campaigns that wait since the release before are approved here; what began here waits while the release before runs
again, which takes it or refuses it and loses nothing; then this code ends everything. Prints one table, and ends with 1
when a campaign was lost or stuck, or when what is stored does not agree. Some ten minutes.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from deployments.local.fake_bedrock import FakeBedrock
from deployments.place import ROOT
from tests.flows.conftest import TENANT
from tests.upgrade.installation import SLOW_SECONDS, Installation
from tests.upgrade.release import HERE, Release, unpacked

OLD_ONES: Final = (
    "approved after the upgrade",
    "decided while no worker was there",
    "changed after the upgrade",
    "approved after the rollback",
)


class Drill:
    """What is done with each campaign, and what came of it: `told`, a line each; `failed`, those that are no good."""

    def __init__(self, installation: Installation, before: Release) -> None:
        self.there, self.before = installation, before
        self.told: list[tuple[str, str, str]] = []
        self.failed: list[str] = []
        self.ids: dict[str, str] = {}

    def _came(self, name: str, where: str, what: str, *, good: bool) -> None:
        self.told.append((name, where, what))
        print(f"  {where}: {name}: {what}", flush=True)
        if not good:
            self.failed.append(f"{name}, {where}: {what}")

    def _submit(self, name: str) -> None:
        self.ids[name] = self.there.submit()

    def _build(self, name: str) -> None:
        """Submit a campaign and return when a part of its posts is written, the others soon are."""
        self.there.model.seconds = SLOW_SECONDS
        self._submit(name)
        begun = self.there.until(lambda: self.there.written(self.ids[name]) > 0)
        self._came(name, "while it is built", f"{self.there.written(self.ids[name])} posts are written", good=begun)

    def _expect(self, name: str, status: str, where: str) -> None:
        found = self.there.until(lambda: self.there.status(self.ids[name]) == status)
        self._came(name, where, self.there.status(self.ids[name]), good=found)

    def _decided(self, name: str, decision: str, where: str) -> None:
        receipt = self.there.decide(self.ids[name], decision)
        good = not receipt.startswith(("refused", "no link"))
        self._came(name, where, f"{decision}: {receipt}", good=good)

    # --- the story ----------------------------------------------------------------------------------------

    def play(self) -> None:
        there, old, new = self.there, self.before.name, HERE.name
        print(f"release {old}", flush=True)
        there.begin(self.before)
        there.stack.run("seed", "-m", there.release.module("seed"), "--tenant", TENANT)
        for name in OLD_ONES:
            self._submit(name)
        for name in OLD_ONES:
            self._expect(name, "awaiting_review", old)
        self._build("built during the upgrade")

        print("upgrade", flush=True)
        there.move(HERE, between=lambda: self._decided("decided while no worker was there", "approved", "between"))
        there.model.seconds = 0.0
        self._decided("approved after the upgrade", "approved", new)
        mails = there.mails(self.ids["changed after the upgrade"])
        self._decided("changed after the upgrade", "needs_revision", new)
        for name in ("approved after the upgrade", "decided while no worker was there"):
            self._expect(name, "completed", new)
        self._expect("built during the upgrade", "awaiting_review", new)
        self._decided("built during the upgrade", "approved", new)
        self._expect("built during the upgrade", "completed", new)
        there.until(lambda: there.mails(self.ids["changed after the upgrade"]) > mails)
        self._expect("changed after the upgrade", "awaiting_review", new)
        self._submit("begun after the upgrade")
        self._expect("begun after the upgrade", "awaiting_review", new)
        self._build("built during the rollback")

        print("rollback", flush=True)
        there.move(self.before)
        there.model.seconds = 0.0
        self._decided("approved after the rollback", "approved", old)
        self._expect("approved after the rollback", "completed", old)
        for name in ("changed after the upgrade", "begun after the upgrade"):
            self._taken_or_refused(name)
        self._left_alone("built during the rollback")

        print("upgrade once more", flush=True)
        there.move(HERE)
        for name, campaign_id in self.ids.items():
            if there.status(campaign_id) == "completed":
                continue
            self._expect(name, "awaiting_review", f"{new} again")
            self._decided(name, "approved", f"{new} again")
            self._expect(name, "completed", f"{new} again")
        self._agrees()

    def _taken_or_refused(self, name: str) -> None:
        """The release before decides about what this code wrote, or says that it does not; it is no error of either."""
        receipt = self.there.decide(self.ids[name], "approved")
        if not receipt.startswith("refused"):
            self._expect(name, "completed", self.before.name)
            return
        self._came(name, self.before.name, receipt, good=True)

    def _left_alone(self, name: str) -> None:
        """Note how far the release before comes; whatever it does, this code has to bring it to its end."""
        self.there.until(lambda: self.there.status(self.ids[name]) == "awaiting_review", seconds=90)
        self._came(name, self.before.name, self.there.status(self.ids[name]), good=True)

    def _agrees(self) -> None:
        """Check all that is stored, as after a restore: audit chains, rounds, posts, runs."""
        done = subprocess.run(
            [sys.executable, "-m", "deployments.commands.restored"],
            cwd=ROOT, env=self.there.stack.env_of("worker"), capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = " | ".join(done.stdout.strip().splitlines()[-3:]) or done.stderr[-500:]
        self._came("all of them", "at the end", said, good=done.returncode == 0)


def main() -> int:
    parser = argparse.ArgumentParser(prog="make upgrade-drill", description=__doc__.partition("\n")[0])
    parser.add_argument("--from", dest="before", metavar="REVISION", required=True, help="the release before, in git")
    parser.add_argument("--releases", type=Path, default=ROOT / ".tool" / "releases", help="where it is unpacked")
    options = parser.parse_args()
    before = unpacked(options.before, options.releases)
    home = Path(tempfile.mkdtemp(prefix="upgrade-"))
    with FakeBedrock() as model:
        drill = Drill(Installation(home, model), before)
        try:
            drill.play()
        finally:
            drill.there.stack.stop()
    width = max(len(name) for name, _, _ in drill.told)
    print("\n".join(["", *(f"{name:<{width}}  {where:<18}  {what}" for name, where, what in drill.told)]))
    if drill.failed:
        print("\nNo good:", *drill.failed, f"logs and store: {home}", sep="\n- ")
        return 1
    shutil.rmtree(home, ignore_errors=True)
    print(f"\nfrom {before.name} to this code and back: nothing is lost")
    return 0


if __name__ == "__main__":
    sys.exit(main())
