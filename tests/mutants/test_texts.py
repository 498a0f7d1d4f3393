"""A mutant that can no longer be made proves nothing, and `make mutants` takes too long to say so each time."""

from __future__ import annotations

from tests.mutants.run import ROOT, known_mutants


def test_every_mutants_text_stands_once_in_its_file_and_its_test_exists() -> None:
    mutants = known_mutants()
    stale = [each["name"] for each in mutants if (ROOT / each["file"]).read_text().count(each["old"]) != 1]
    untested = [each["name"] for each in mutants if not (ROOT / each["killed_by"].split()[0].split("::")[0]).is_file()]

    assert mutants
    assert (stale, untested) == ([], [])
