"""Prints what the image is made of as CycloneDX: `make sbom > sbom.json`, from the lock that the image installs.

Each package has its version, its licence as its author states it, and the hashes that pip accepts, one of which is the
file's that was installed. What Debian's base image brings is not in the lock: `docker build --sbom=true` adds that.
"""

import json
import re
import sys
from collections.abc import Iterator
from importlib import metadata
from typing import Any, Final

from deployments.place import ROOT

LOCK: Final = ROOT / "requirements-image.lock"
_PIN: Final = re.compile(r"^([\w.-]+)==([^\s;\\]+)")


def bom(lock: str) -> dict[str, Any]:
    """Return the bill of materials of a lock, in the form of CycloneDX 1.6."""
    own = metadata.metadata("campaign-orchestration")
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "campaign-orchestration",
                "name": "campaign-orchestration",
                "version": own["Version"],
                "licenses": [{"expression": own["License-Expression"] or "Apache-2.0"}],
            }
        },
        "components": list(_components(lock)),
    }


def _components(lock: str) -> Iterator[dict[str, Any]]:
    for entry in re.split(r"\n(?=[\w.-]+==)", lock.replace("\\\n", " ")):
        if not (pin := _PIN.match(entry)):
            continue
        name, version = pin.groups()
        purl = f"pkg:pypi/{name.lower()}@{version}"
        yield {
            "type": "library",
            "bom-ref": purl,
            "name": name,
            "version": version,
            "purl": purl,
            "hashes": [{"alg": "SHA-256", "content": each} for each in re.findall(r"--hash=sha256:(\w+)", entry)],
            **_licence(name),
        }


def _licence(name: str) -> dict[str, Any]:
    """Return the licence that an installed package states; packages of other platforms are not here to be asked."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return {}
    if "License-Expression" in about:
        return {"licenses": [{"expression": about["License-Expression"]}]}
    classified = [each.rpartition(" :: ")[2] for each in about.get_all("Classifier") or [] if "License ::" in each]
    names = classified or [(about.get_all("License") or [""])[0].split("\n")[0]]
    return {"licenses": [{"license": {"name": each}} for each in names if each]}


if __name__ == "__main__":
    json.dump(bom(LOCK.read_text()), sys.stdout, indent=1)
    print()
