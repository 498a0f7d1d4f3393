"""Checkpoints under a real Prefect server: what a run keeps, takes back, refuses, and how it then ends."""

from __future__ import annotations

import asyncio
import contextvars
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import flow, get_client, task, unmapped
from prefect.futures import wait
from prefect.settings import PREFECT_API_URL, PREFECT_DEFAULT_RESULT_STORAGE_BLOCK, get_current_settings
from prefect.task_runners import ThreadPoolTaskRunner

from campaigns.checkpoints.faults import CheckpointFault, CheckpointForged, CheckpointMisused, CheckpointUnavailable
from campaigns.checkpoints.key import CheckpointKey
from campaigns.model.base import Wire, new_id
from tasks.checkpoints.cached import checkpointed
from tasks.checkpoints.storage import REFUSED, SealedCheckpoints

TENANT = "acme"
CANARY = "purple-otter-brief"
ROOT = Path(__file__).parents[2]

CALLS: Counter[str] = Counter()
"""How often a step ran, by campaign."""
DURING: dict[str, Callable[[], None]] = {}
"""What happens to the world while a step of a campaign runs."""


class Words(Wire):
    """What the step under test returns."""

    text: str
    number: int


def invent(campaign_id: str, number: int) -> Words:
    """Return other words at each call, as a model does."""
    CALLS[campaign_id] += 1
    DURING.get(campaign_id, lambda: None)()
    return Words(text=f"{CANARY} {CALLS[campaign_id]}", number=number)


kept = checkpointed("write-words", returns=Words, inputs=lambda p: {"number": p["number"]})


@task(**kept, retries=2)
def write_words(tenant_id: str, campaign_id: str, number: int) -> Words:
    return invent(campaign_id, number)


@task(**kept)
async def write_words_async(tenant_id: str, campaign_id: str, number: int) -> Words:
    return invent(campaign_id, number)


@flow(persist_result=False, flow_run_name="{campaign_id}")
def one(campaign_id: str) -> Words:
    return write_words(TENANT, campaign_id, 1)


@flow(persist_result=False, flow_run_name="{campaign_id}")
async def one_async(campaign_id: str) -> Words:
    return await write_words_async(TENANT, campaign_id, 1)


@flow(persist_result=False, flow_run_name="{campaign_id}", task_runner=ThreadPoolTaskRunner(max_workers=2))
def three(campaign_id: str) -> list[Words]:
    futures = write_words.map(unmapped(TENANT), unmapped(campaign_id), [1, 2, 3])
    wait(futures)
    return futures.result()


@pytest.fixture
def campaign_id() -> str:
    return new_id("campaign")


def objects(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def apart(act: Callable[[], Any]) -> Any:
    """Run as a flow process of its own would: Prefect leaves a transaction open where a commit crashed."""
    return contextvars.copy_context().run(act)


def runs_of(campaign_id: str) -> list[dict[str, Any]]:
    """Return what the server says of the flow runs of a campaign, oldest first."""
    with get_client(sync_client=True) as client:
        runs = client.request("POST", "/flow_runs/filter", json={"flow_runs": {"name": {"any_": [campaign_id]}}}).json()
    return sorted(runs, key=lambda run: str(run["created"]))


def states_of(campaign_id: str) -> list[str]:
    return [run["state"]["name"] for run in runs_of(campaign_id)]


def task_states_of(campaign_id: str) -> list[str]:
    """Return the states of the task runs of the newest run; they reach the server as events, a little later."""
    newest = {"flow_run_id": {"any_": [runs_of(campaign_id)[-1]["id"]]}}
    with get_client(sync_client=True) as client:
        tasks = client.request("POST", "/task_runs/filter", json={"task_runs": newest}).json()
    return sorted(task["state"]["name"] for task in tasks)


def eventually(what: Callable[[], Any], expected: Any) -> None:
    """Poll until `what` gives `expected`, for at most two minutes."""
    deadline = time.monotonic() + 120
    while (seen := what()) != expected and time.monotonic() < deadline:
        time.sleep(0.2)
    assert seen == expected


def refusals_of(campaign_id: str) -> list[dict[str, Any]]:
    """Return the payloads of the security events that the server holds on a campaign."""
    with get_client(sync_client=True) as client:
        wanted = {"event": {"name": [REFUSED]}, "resource": {"id": [f"campaign.{campaign_id}"]}}
        answer = client.request("POST", "/events/filter", json={"filter": wanted})
    return [event["payload"] for event in answer.json()["events"]]


# --- kept and taken back ------------------------------------------------------------------------------


def test_a_result_is_kept_sealed_and_the_next_run_takes_it_back(
    default_storage: SealedCheckpoints, folder: Path, campaign_id: str
) -> None:
    first = one(campaign_id)
    second = one(campaign_id)

    assert first == second == Words(text=f"{CANARY} 1", number=1)
    assert CALLS[campaign_id] == 1
    eventually(lambda: task_states_of(campaign_id), ["Cached"])
    [sealed] = objects(folder)
    key = CheckpointKey.parse(str(sealed.relative_to(folder / "checkpoints")))
    assert (key.tenant_id, key.campaign_id, key.step) == (TENANT, campaign_id, "write-words")
    assert CANARY.encode() not in sealed.read_bytes()
    assert CANARY.encode() in (default_storage.vault().read(key) or b"")


async def run_async(campaign_id: str) -> Words:
    return await one_async(campaign_id)


def test_an_async_task_keeps_and_takes_back_as_well(
    default_storage: SealedCheckpoints, folder: Path, campaign_id: str
) -> None:
    first, second = asyncio.run(run_async(campaign_id)), asyncio.run(run_async(campaign_id))

    assert first == second
    assert CALLS[campaign_id] == 1
    assert len(objects(folder)) == 1


def test_mapped_results_are_kept_one_by_one_and_taken_back_in_order(
    default_storage: SealedCheckpoints, folder: Path, campaign_id: str
) -> None:
    first = three(campaign_id)
    second = three(campaign_id)

    assert first == second
    assert [words.number for words in second] == [1, 2, 3]
    assert CALLS[campaign_id] == 3
    assert len(objects(folder)) == 3


@task(**checkpointed("write-much", returns=str, inputs=lambda p: p["size"]))
def write_much(tenant_id: str, campaign_id: str, size: int) -> str:
    CALLS[campaign_id] += 1
    return "ä" * (size // 2)


@pytest.mark.parametrize("size", [256 * 1024, 10 * 1024 * 1024], ids=["256 KB", "10 MB"])
def test_a_large_result_is_kept_and_taken_back(
    default_storage: SealedCheckpoints, folder: Path, campaign_id: str, size: int
) -> None:
    @flow(persist_result=False)
    def much() -> str:
        return write_much(TENANT, campaign_id, size)

    assert much() == much() == "ä" * (size // 2)
    assert CALLS[campaign_id] == 1
    assert objects(folder)[0].stat().st_size > size


def test_prefects_database_never_sees_a_result(default_storage: SealedCheckpoints, campaign_id: str) -> None:
    one(campaign_id)
    one(campaign_id)
    eventually(lambda: task_states_of(campaign_id), ["Cached"])

    url = str(get_current_settings().server.database.connection_url.get_secret_value())
    database = Path(url.split("///", 1)[1])
    content = b"".join(file.read_bytes() for file in database.parent.glob(f"{database.name}*"))

    assert campaign_id.encode() in content
    assert CANARY.encode() not in content


def test_the_document_of_the_block_holds_no_key(
    default_storage: SealedCheckpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    with get_client(sync_client=True) as client:
        documents = client.request("POST", "/block_documents/filter", json={"include_secrets": True}).text

    assert default_storage.location in documents
    assert os.environ["CAMPAIGNS_CHECKPOINT_KEYS"].rsplit(":", 1)[1] not in documents


# --- refused ------------------------------------------------------------------------------------------


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("forge", [flip, truncate, empty])
@pytest.mark.parametrize("run", [one, three], ids=["direct", "mapped"])
def test_a_changed_checkpoint_crashes_the_run_and_nothing_is_written_anew(
    default_storage: SealedCheckpoints,
    folder: Path,
    campaign_id: str,
    forge: Callable[[Path], None],
    run: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    before = run(campaign_id)
    calls = CALLS[campaign_id]
    [victim, *_] = objects(folder)
    original = victim.read_bytes()
    forge(victim)
    forged = victim.read_bytes()

    with pytest.raises(CheckpointForged):
        run(campaign_id)

    assert states_of(campaign_id) == ["Completed", "Crashed"]
    assert CALLS[campaign_id] == calls
    assert victim.read_bytes() == forged
    [line] = [record for record in caplog.records if record.name == "campaigns.checkpoints"]
    assert line.__dict__["campaign_id"] == campaign_id
    reason = line.__dict__["reason"]
    path = str(victim.relative_to(folder))
    eventually(lambda: refusals_of(campaign_id), [{"key": path, "reason": reason}])

    victim.write_bytes(original)
    assert run(campaign_id) == before
    assert CALLS[campaign_id] == calls


def test_a_checkpoint_of_another_campaign_is_refused_at_this_ones_key(
    default_storage: SealedCheckpoints, folder: Path, campaign_id: str
) -> None:
    other = new_id("campaign")
    one(other)
    one(campaign_id)
    mine, theirs = (next(path for path in objects(folder) if who in str(path)) for who in (campaign_id, other))
    shutil.copyfile(theirs, mine)

    with pytest.raises(CheckpointForged, match="not_authentic"):
        one(campaign_id)

    assert states_of(campaign_id) == ["Completed", "Crashed"]
    assert CALLS[campaign_id] == 1


def test_a_storage_that_is_down_while_reading_crashes_the_run_and_the_next_one_goes_on(
    default_storage: SealedCheckpoints, folder: Path, campaign_id: str
) -> None:
    before = one(campaign_id)
    folder.rename(folder.with_name("unmounted"))

    with pytest.raises(CheckpointUnavailable):
        one(campaign_id)

    assert states_of(campaign_id) == ["Completed", "Crashed"]
    assert CALLS[campaign_id] == 1
    folder.with_name("unmounted").rename(folder)
    assert one(campaign_id) == before
    assert CALLS[campaign_id] == 1


@pytest.mark.parametrize("run", [one, three], ids=["direct", "mapped"])
def test_a_result_that_cannot_be_kept_does_not_complete(
    default_storage: SealedCheckpoints, folder: Path, campaign_id: str, run: Any
) -> None:
    def unmount() -> None:
        if folder.exists():
            folder.rename(folder.with_name("unmounted"))

    DURING[campaign_id] = unmount

    with pytest.raises(CheckpointUnavailable):
        apart(lambda: run(campaign_id))

    assert states_of(campaign_id) == ["Crashed"]
    assert objects(folder.with_name("unmounted")) == []
    eventually(lambda: set(task_states_of(campaign_id)) & {"Completed", "Cached"}, set())
    del DURING[campaign_id]
    folder.with_name("unmounted").rename(folder)
    run(campaign_id)
    assert states_of(campaign_id) == ["Crashed", "Completed"]


def test_an_async_task_fails_closed_as_well(default_storage: SealedCheckpoints, folder: Path, campaign_id: str) -> None:
    asyncio.run(run_async(campaign_id))
    flip(objects(folder)[0])

    with pytest.raises(CheckpointForged):
        asyncio.run(run_async(campaign_id))

    assert states_of(campaign_id) == ["Completed", "Crashed"]
    assert CALLS[campaign_id] == 1


# --- our own mistakes ---------------------------------------------------------------------------------


def a_step_that_returns_something_else(campaign_id: str) -> Any:
    @task(**checkpointed("returns-other", returns=Words, inputs=lambda _: None))
    def step(tenant_id: str, campaign_id: str) -> Any:
        CALLS[campaign_id] += 1
        return {"text": "a dict", "number": 1}

    return step


def a_step_whose_key_function_raises(campaign_id: str) -> Any:
    @task(**checkpointed("key-raises", returns=str, inputs=lambda p: p["no such parameter"]))
    def step(tenant_id: str, campaign_id: str) -> str:
        CALLS[campaign_id] += 1
        return "words"

    return step


def a_step_with_an_input_of_no_order(campaign_id: str) -> Any:
    @task(**checkpointed("key-set", returns=str, inputs=lambda _: {"a", "b"}))
    def step(tenant_id: str, campaign_id: str) -> str:
        CALLS[campaign_id] += 1
        return "words"

    return step


def a_step_that_lost_its_serializer(campaign_id: str) -> Any:
    return write_words.with_options(result_serializer="json")


def a_step_that_remembers_in_memory(campaign_id: str) -> Any:
    return write_words.with_options(cache_result_in_memory=True)


def a_step_kept_in_another_storage(campaign_id: str) -> Any:
    return write_words.with_options(result_storage=Path("elsewhere"))


def a_step_inside_another(campaign_id: str) -> Any:
    @task(**checkpointed("outer", returns=Words, inputs=lambda _: None))
    def step(tenant_id: str, campaign_id: str) -> Words:
        return write_words(tenant_id, campaign_id, 1)

    return step


def a_kept_task_without_a_key_of_ours(campaign_id: str) -> Any:
    @task(persist_result=True)
    def step(tenant_id: str, campaign_id: str) -> str:
        CALLS[campaign_id] += 1
        return "words"

    return step


@pytest.mark.parametrize(
    ("make", "calls"),
    [
        (a_step_that_returns_something_else, 1),
        (a_step_whose_key_function_raises, 0),
        (a_step_with_an_input_of_no_order, 0),
        (a_step_that_lost_its_serializer, 0),
        (a_step_that_remembers_in_memory, 0),
        (a_step_kept_in_another_storage, 0),
        (a_step_inside_another, 0),
        (a_kept_task_without_a_key_of_ours, 0),
    ],
    ids=lambda value: value.__name__ if callable(value) else None,
)
def test_a_mistaken_step_crashes_on_its_first_run_instead_of_losing_results(
    default_storage: SealedCheckpoints, campaign_id: str, make: Callable[[str], Any], calls: int, folder: Path
) -> None:
    step = make(campaign_id)

    @flow(persist_result=False, flow_run_name="{campaign_id}")
    def run(campaign_id: str) -> Any:
        arguments = {"number": 1} if "number" in step.fn.__annotations__ else {}
        return step(TENANT, campaign_id, **arguments)

    with pytest.raises(CheckpointMisused):
        apart(lambda: run(campaign_id))

    assert states_of(campaign_id) == ["Crashed"]
    assert CALLS[campaign_id] == calls
    assert objects(folder) == []


def test_without_the_setting_a_step_does_not_run(prefect_server: None, campaign_id: str) -> None:
    with pytest.raises(CheckpointMisused, match="PREFECT_DEFAULT_RESULT_STORAGE_BLOCK"):
        one(campaign_id)

    assert CALLS[campaign_id] == 0
    assert states_of(campaign_id) == ["Crashed"]


def test_a_step_that_fails_is_failed_and_keeps_nothing(
    default_storage: SealedCheckpoints, folder: Path, campaign_id: str
) -> None:
    def fail() -> None:
        raise ValueError(f"{campaign_id} is not ready")

    DURING[campaign_id] = fail

    with pytest.raises(ValueError, match="not ready"):
        one(campaign_id)

    assert states_of(campaign_id) == ["Failed"]
    assert CALLS[campaign_id] == 3  # the first try and two retries
    assert objects(folder) == []


def test_after_a_crashed_commit_the_same_process_refuses_to_lose_results(
    default_storage: SealedCheckpoints, folder: Path, campaign_id: str
) -> None:
    """Prefect 3.8.8 does not reset the transaction of a commit that crashed; what runs after it is never committed."""

    def crash_then_go_on() -> None:
        DURING[campaign_id] = lambda: folder.rename(folder.with_name("unmounted")) and None
        with pytest.raises(CheckpointUnavailable):
            one(campaign_id)
        del DURING[campaign_id]
        folder.with_name("unmounted").rename(folder)
        one(campaign_id)

    with pytest.raises(CheckpointMisused, match="transaction"):
        apart(crash_then_go_on)

    assert states_of(campaign_id) == ["Crashed", "Crashed"]
    assert CALLS[campaign_id] == 1


ELSEWHERE = """
import sys
from prefect import flow, task
from tasks.checkpoints.cached import checkpointed

@task(**checkpointed("elsewhere", returns=str, inputs=lambda _: None))
def step(tenant_id: str, campaign_id: str) -> str:
    print("RAN")
    return "words"

@flow(persist_result=False, flow_run_name="{campaign_id}")
def run(campaign_id: str) -> str:
    return step("acme", campaign_id)

print("GOT", run(sys.argv[1]))
"""


KILLED = """
import os, signal, sys
from pathlib import Path
from prefect import flow, task
from tasks.checkpoints.cached import checkpointed

diary = Path(sys.argv[2])

@task(**checkpointed("killed", returns=str, inputs=lambda p: p["number"]))
def step(tenant_id: str, campaign_id: str, number: int) -> str:
    with diary.open("a") as file:
        file.write(f"{number}")
    if number == 2 and diary.read_text().count("2") == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return f"step {number}, written at entry {len(diary.read_text())}"

@flow(persist_result=False)
def run(campaign_id: str) -> list[str]:
    return [step("acme", campaign_id, number) for number in (1, 2, 3)]

print("GOT", run(sys.argv[1]))
"""


def run_elsewhere(
    campaign_id: str, block_name: str, script: str = ELSEWHERE, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """Run a flow in a process that knows nothing but its environment."""
    environment = {
        **os.environ,
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
        "PREFECT_DEFAULT_RESULT_STORAGE_BLOCK": block_name,
    }
    return subprocess.run(
        [sys.executable, "-c", script, campaign_id, *arguments],
        env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_another_process_finds_the_storage_by_settings_alone_and_reports_a_forgery_before_it_ends(
    default_storage: SealedCheckpoints, folder: Path, campaign_id: str
) -> None:
    name = str(PREFECT_DEFAULT_RESULT_STORAGE_BLOCK.value())

    first, second = run_elsewhere(campaign_id, name), run_elsewhere(campaign_id, name)
    flip(objects(folder)[0])
    third = run_elsewhere(campaign_id, name)

    assert (first.stdout, second.stdout, third.stdout) == ("RAN\nGOT words\n", "GOT words\n", "")
    assert (first.returncode, second.returncode) == (0, 0)
    assert third.returncode != 0
    assert "CheckpointForged" in third.stderr
    assert states_of(campaign_id) == ["Completed", "Completed", "Crashed"]
    eventually(lambda: [payload["reason"] for payload in refusals_of(campaign_id)], ["not_authentic"])


def test_a_killed_process_loses_only_the_step_it_was_in(
    default_storage: SealedCheckpoints, campaign_id: str, tmp_path: Path
) -> None:
    name, diary = str(PREFECT_DEFAULT_RESULT_STORAGE_BLOCK.value()), tmp_path / "diary"

    first = run_elsewhere(campaign_id, name, KILLED, str(diary))
    second = run_elsewhere(campaign_id, name, KILLED, str(diary))

    assert (first.returncode, first.stdout) == (-9, "")
    assert diary.read_text() == "1223"
    texts = [f"step {number}, written at entry {entry}" for number, entry in ((1, 1), (2, 3), (3, 4))]
    assert second.stdout == f"GOT {texts}\n"


def test_every_fault_is_beyond_the_reach_of_except_exception() -> None:
    assert not issubclass(CheckpointFault, Exception)
