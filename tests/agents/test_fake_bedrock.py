"""The stand-in speaks Bedrock's protocol: boto3 itself reads it, by Converse and by ConverseStream."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from campaigns.agents.providers.hosted import HostedModel
from campaigns.agents.writer import Writer
from deployments.local.fake_bedrock import STAND_IN_LABEL, FakeBedrock
from deployments.local.fake_bedrock_script import BEHAVIOURS
from tests.agents.inputs import TENANT, situation


def client(server: FakeBedrock) -> Any:
    return boto3.client(
        "bedrock-runtime",
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="x",
        aws_secret_access_key="x",
        config=Config(retries={"total_max_attempts": 1}),
    )


TOOL = {
    "toolSpec": {
        "name": "final_answer",
        "inputSchema": {"json": {"type": "object", "properties": {"text": {"type": "string"}}}},
    }
}
ANSWER = {"text": "Grüße aus Huila – 咖啡"}


def ask(server: FakeBedrock) -> dict[str, Any]:
    return {
        "modelId": "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
        "toolConfig": {"tools": [TOOL], "toolChoice": {"any": {}}},
    }


def test_converse_answers_through_the_tool(bedrock: FakeBedrock) -> None:
    bedrock.script = [ANSWER]

    answer = client(bedrock).converse(**ask(bedrock))

    assert answer["output"]["message"]["content"][0]["toolUse"]["input"] == ANSWER
    assert answer["stopReason"] == "tool_use"
    assert answer["usage"]["totalTokens"] == answer["usage"]["inputTokens"] + answer["usage"]["outputTokens"]


def test_converse_stream_tells_the_same_answer_in_checked_frames(bedrock: FakeBedrock) -> None:
    bedrock.script = [ANSWER]

    events = list(client(bedrock).converse_stream(**ask(bedrock))["stream"])

    assert [next(iter(event)) for event in events] == [
        "messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata",
    ]  # fmt: skip
    said = "".join(
        event["contentBlockDelta"]["delta"]["toolUse"]["input"] for event in events if "contentBlockDelta" in event
    )
    assert json.loads(said) == ANSWER


@pytest.mark.parametrize("operation", ["converse", "converse_stream"])
@pytest.mark.parametrize(
    ("name", "code"), [("throttle", "ThrottlingException"), ("withdrawn", "ResourceNotFoundException")]
)
def test_an_error_carries_the_code_that_boto3_knows(operation: str, name: str, code: str, bedrock: FakeBedrock) -> None:
    bedrock.script = [BEHAVIOURS[name]]

    with pytest.raises(ClientError) as caught:
        getattr(client(bedrock), operation)(**ask(bedrock))

    assert caught.value.response["Error"]["Code"] == code


def test_an_unsigned_call_is_refused(bedrock: FakeBedrock) -> None:
    request = urllib.request.Request(f"{bedrock.url}/model/x/converse", data=b"{}", method="POST")

    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(request, timeout=60)

    with caught.value as answer:
        assert answer.code == 403
    assert bedrock.requests == []


def test_its_posts_say_that_a_stand_in_wrote_them(bedrock: FakeBedrock, claude: HostedModel) -> None:
    answer = Writer(claude).run(TENANT, situation().writer_input())

    assert answer.content is not None
    assert answer.content.text.endswith(STAND_IN_LABEL)


def test_it_runs_as_a_program_and_prints_its_address_first() -> None:
    command = [sys.executable, "-m", "deployments.local.fake_bedrock", "--port", "0", "--script", "throttle"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            request = urllib.request.Request(
                f"{url}/model/x/converse", data=b"{}", method="POST", headers={"authorization": "Bearer x"}
            )

            with pytest.raises(urllib.error.HTTPError) as caught:
                urllib.request.urlopen(request, timeout=60)

            with caught.value as answer:
                assert answer.code == 429
        finally:
            process.terminate()
