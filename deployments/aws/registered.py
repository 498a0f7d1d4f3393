"""What Prefect is told of a release, piece by piece: a dry run compares it, since Prefect is not reached from here.

The pieces of the release that was registered last lie in one parameter in SSM: each by a digest of what it says.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from botocore.exceptions import ClientError

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


class Registered:
    """The parameter `/campaigns/ENV/registered`."""

    def __init__(self, client: Any, environment: str) -> None:
        self._client, self._name = client, f"/campaigns/{environment}/registered"

    def read(self) -> Pieces:
        """Return the pieces that were registered last; none where a release of before did it, or nobody yet."""
        try:
            return dict(json.loads(self._client.get_parameter(Name=self._name)["Parameter"]["Value"]))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return {}
            raise

    def write(self, registered: Pieces) -> None:
        value = json.dumps(dict(registered), separators=(",", ":"))
        self._client.put_parameter(Name=self._name, Type="String", Overwrite=True, Value=value)
