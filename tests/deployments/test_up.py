"""What `make up` tells another shell."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from deployments.local import up
from deployments.local.stack import MARKER, LocalStack
from deployments.place import DEFAULT_RESULT_STORAGE


def test_the_file_that_a_shell_waits_for_is_there_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, seen, write = tmp_path / "env", [], Path.write_text

    def watched(path: Path, text: str) -> int:
        seen.append(told.exists())
        return write(path, text)

    monkeypatch.setattr(Path, "write_text", watched)
    up._tell(told, {"API": "http://127.0.0.1:1", "CAMPAIGNS_API_KEYS": "a b", "PATH": "/bin", MARKER: "ours"})

    assert seen == [False]
    assert told.read_text() == "export API=http://127.0.0.1:1\nexport CAMPAIGNS_API_KEYS='a b'\n"
    assert told.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["env"]


def test_a_run_in_another_shell_finds_where_its_results_go(tmp_path: Path) -> None:
    told = tmp_path / "env"

    up._tell(told, LocalStack(tmp_path).env)

    assert f"export PREFECT_DEFAULT_RESULT_STORAGE_BLOCK={DEFAULT_RESULT_STORAGE}\n" in told.read_text()
    assert "export CAMPAIGNS_CHECKPOINT_KEYS=" in told.read_text()


@pytest.mark.parametrize("module", ["up", "demo"])
def test_what_only_starts_the_parts_does_not_load_prefect_before_them(module: str) -> None:
    program = f"import sys, deployments.local.{module}; print('prefect' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert done.stdout == "False\n"
