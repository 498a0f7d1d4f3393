"""What `make up` tells another shell."""

from __future__ import annotations

from pathlib import Path

import pytest

from deployments import up
from deployments.stack import MARKER


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
