"""What Prefect is told of a release, piece by piece: a dry run compares it, since Prefect is not reached from here.

The pieces of the release that was registered last lie in one parameter in SSM: each by a digest of what it says.
"""

from collections.abc import Iterator, Mapping

import yaml

from campaigns.model.base import content_hash
from deployments.engine import automations
from deployments.place import ROOT

Pieces = Mapping[str, str]


def pieces() -> Pieces:
    """Return what this working tree has Prefect know: deployments with schedules and parameters, and automations."""
    deployed = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    found = {f"deployment {each['name']}": each for each in deployed}
    found |= {f"automation {each.name}": each.model_dump(mode="json") for each in automations.wanted([])}
    return {name: content_hash(said)[:8] for name, said in sorted(found.items())}


def differences(there: Pieces, wanted: Pieces) -> Iterator[str]:
    """Yield what registering changes, a line each; a piece that is wanted no more stays until somebody deletes it."""
    for name, digest in wanted.items():
        if there.get(name) != digest:
            yield f"{name}: {'changed' if name in there else 'made'}"
    yield from (f"{name}: no longer part of it, and stays: delete it by hand" for name in there.keys() - wanted.keys())
