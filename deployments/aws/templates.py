"""The templates: as they are, and as far as the emulator can follow them.

The demo and the tests make stacks from the very files. What is changed on the way to the emulator is listed here and
nowhere else.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

HERE: Final = Path(__file__).parent
STACKS: Final = ("data", "run", "watch")

LEFT_OUT: Final = {
    "FirewallOfTheBalancer": "the emulator knows web ACLs and not what they are attached to",
    "FailureRate": "the emulator refuses alarms with metric math",
    "TimeoutRate": "the emulator refuses alarms with metric math",
}
"""Resources that the emulator cannot make."""
INSTEAD: Final = {
    # RDS keeps the password of its user in a secret of its own; the emulator's RDS does not.
    "!GetAtt Database.MasterUserSecret.SecretArn": "!Ref PrefectSecret",
    "${Database.MasterUserSecret.SecretArn}": "${PrefectSecret}",
    # The emulator takes the text of a number for a text.
    "DesiredCount: !Ref Apis": "DesiredCount: 2",
    "DesiredCount: !Ref Workers": "DesiredCount: 2",
    "DesiredCount: !Ref Servers": "DesiredCount: 1",
}
"""Words of the templates that the emulator takes otherwise than AWS."""


class _Short(yaml.SafeLoader):
    """Reads the short forms of CloudFormation's functions as what they are given."""


def _plain(loader: _Short, _: str, node: yaml.Node) -> Any:
    if isinstance(node, yaml.ScalarNode):
        return loader.construct_scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return loader.construct_sequence(node, deep=True)
    assert isinstance(node, yaml.MappingNode)
    return loader.construct_mapping(node, deep=True)


_Short.add_multi_constructor("!", _plain)


def read(text: str) -> dict[str, Any]:
    """Return a template as values; `!Ref X` and `!GetAtt X.Y` become their text, other functions their arguments."""
    found: dict[str, Any] = yaml.load(text, Loader=_Short)  # noqa: S506  # it is a SafeLoader
    return found


def template(name: str) -> str:
    """Return the template of a stack: `data`, `run` or `watch`."""
    return (HERE / f"{name}.yaml").read_text()


_LAST_SETTING: Final = "            - {Name: CAMPAIGNS_METRICS, Value: emf}\n"


def with_settings(text: str, settings: Mapping[str, str]) -> str:
    """Return a template whose workers and API have these variables as well."""
    more = [f"            - {{Name: {name}, Value: {json.dumps(value)}}}\n" for name, value in settings.items()]
    return text.replace(_LAST_SETTING, "".join([_LAST_SETTING, *more]))


def given_settings() -> set[str]:
    """Return the settings that the template of what runs gives by itself."""
    tasks = [read(template("run"))["Resources"][name]["Properties"] for name in ("WorkerTask", "ApiTask")]
    containers = [each for task in tasks for each in task["ContainerDefinitions"]]
    return {each["Name"] for container in containers for each in [*container["Environment"], *container["Secrets"]]}


def _kept(text: str) -> Iterator[str]:
    """Yield the lines of a template that do not belong to a resource of `LEFT_OUT`."""
    left_out = False
    for line in text.splitlines(keepends=True):
        if not line.startswith("   "):
            left_out = line.strip().rstrip(":") in LEFT_OUT
        if not left_out:
            yield line


def emulated(name: str) -> str:
    """Return the template of a stack without what the emulator cannot make."""
    text = "".join(_kept(template(name)))
    for ours, theirs in INSTEAD.items():
        text = text.replace(ours, theirs)
    return text
