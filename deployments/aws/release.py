"""What runs in an environment: the image, the one before it, and whether Prefect knows it; one parameter in SSM."""

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from botocore.exceptions import ClientError

from deployments.place import ROOT

REPOSITORY = "campaigns"


@dataclass(frozen=True, slots=True)
class Release:
    """Images by digest. `registered` is the one whose deployments Prefect has."""

    image: str = ""
    before: str = ""
    registered: str = ""

    def moved_to(self, image: str) -> Self:
        """Return the release with another image, the present one becoming the one before."""
        return self if image == self.image else replace(self, image=image, before=self.image)


class Parameter:
    """An object of texts in SSM, `/campaigns/ENV/NAME`."""

    def __init__(self, client: Any, environment: str, name: str) -> None:
        self._client, self._name = client, f"/campaigns/{environment}/{name}"

    def read(self) -> dict[str, str]:
        """Return what was kept last; nothing where nobody kept anything yet."""
        try:
            return dict(json.loads(self._client.get_parameter(Name=self._name)["Parameter"]["Value"]))
        except ClientError as error:
            if error.response["Error"]["Code"] == "ParameterNotFound":
                return {}
            raise

    def write(self, texts: Mapping[str, str]) -> None:
        value = json.dumps(dict(texts), separators=(",", ":"))
        self._client.put_parameter(Name=self._name, Type="String", Overwrite=True, Value=value)


class Releases:
    """The parameter `release` of an environment."""

    def __init__(self, client: Any, environment: str) -> None:
        self._kept = Parameter(client, environment, "release")

    def read(self) -> Release:
        return Release(**self._kept.read())

    def write(self, release: Release) -> None:
        self._kept.write(asdict(release))


class ImageError(RuntimeError):
    """The image could not be built or pushed; the message ends in what docker printed."""


class Images:
    """The images in ECR, tagged by commit."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def of(self, commit: str) -> str | None:
        """Return the image of a commit by digest, or None while there is none."""
        try:
            found = self._client.describe_images(repositoryName=REPOSITORY, imageIds=[{"imageTag": commit}])
        except ClientError as error:
            if error.response["Error"]["Code"] in {"RepositoryNotFoundException", "ImageNotFoundException"}:
                return None
            raise
        return f"{self._repository()}@{found['imageDetails'][0]['imageDigest']}"

    def build(self, commit: str) -> str:
        """Build this working tree, push it, and return the image by digest.

        Raises:
            ImageError: docker could not; the registry scans what is pushed, and never takes a tag twice.
        """
        address = self._repository()
        token = self._client.get_authorization_token()["authorizationData"][0]
        user, _, password = base64.b64decode(token["authorizationToken"]).decode().partition(":")
        _docker("login", "--username", user, "--password-stdin", address.partition("/")[0], given=password)
        given = ("--build-arg", f"BASE={_base()}", "--platform", "linux/amd64", "-f", "deployments/Dockerfile")
        _docker("build", *given, "-t", f"{address}:{commit}", ".")
        _docker("push", f"{address}:{commit}")
        image = self.of(commit)
        if image is None:
            raise ImageError(f"{address}:{commit} was pushed, and the registry does not have it")
        return image

    def _repository(self) -> str:
        try:
            found = self._client.describe_repositories(repositoryNames=[REPOSITORY])["repositories"][0]
        except ClientError as error:
            if error.response["Error"]["Code"] != "RepositoryNotFoundException":
                raise
            found = self._client.create_repository(
                repositoryName=REPOSITORY,
                imageTagMutability="IMMUTABLE",
                imageScanningConfiguration={"scanOnPush": True},
            )["repository"]
        return str(found["repositoryUri"])


def _base() -> str:
    """Return the base image by digest, as its tag means it today."""
    text = (ROOT / "deployments" / "Dockerfile").read_text()
    [tag] = re.findall(r"^ARG BASE=(\S+)$", text, re.MULTILINE)
    _docker("pull", "--platform", "linux/amd64", tag)
    return _docker("image", "inspect", "--format", "{{index .RepoDigests 0}}", tag).strip()


def _docker(*arguments: str, given: str | None = None) -> str:
    done = subprocess.run(["docker", *arguments], cwd=ROOT, input=given, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ImageError(f"docker {arguments[0]}: {(done.stderr or done.stdout).strip()[-1500:]}")
    return done.stdout


def commit() -> str:
    """Return the commit of the working tree, `-changed` where files differ from it; empty where there is none."""
    head = _git("rev-parse", "--short=12", "HEAD") if shutil.which("git") else ""
    return f"{head}-changed" if head and _git("status", "--porcelain", "--untracked-files=no") else head


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()
