"""Tallies: whatever processes, folds and lost answers do, each measure counts once."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.errors import StoreUnavailableError
from campaigns.operations.watching.tally import Tally
from campaigns.store import Store
from campaigns.store.tables.sqlite import SQLiteTable
from campaigns.store.tables.table import Operation
from campaigns.store.upkeep.tallies import IDLE, KEPT_DAYS
from campaigns.telemetry.instruments import Measure
from campaigns.telemetry.series import differences, series_of
from tests.store.samples import NOW

MEASURES = st.sampled_from(
    [
        Measure("Decisions", 1),
        Measure("CampaignsMoved", 1, {"Status": "failed"}),
        Measure("CampaignsMoved", 1, {"Status": "completed"}),
        Measure("ApproverResponseTime", 90.0),
        Measure("ApproverResponseTime", 10_000_000.0),
    ]
)
ACTS = st.lists(
    st.one_of(
        st.tuples(st.just("count"), st.integers(0, 2), MEASURES, st.integers(0, 40)),
        st.tuples(st.just("flush"), st.integers(0, 2), st.none(), st.just(0)),
        st.tuples(st.just("fold"), st.integers(0, 90), st.none(), st.just(0)),
    ),
    max_size=25,
)
FAULTS = st.lists(st.sampled_from(["", "", "refused", "answer lost"]), min_size=1, max_size=9)


class Shaky(SQLiteTable):
    fault = ""

    def write(self, *operations: Operation) -> None:
        if self.fault == "refused":
            raise StoreUnavailableError("refused")
        super().write(*operations)
        if self.fault == "answer lost":
            raise StoreUnavailableError("the answer was lost")


@settings(max_examples=150, deadline=None)
@given(acts=ACTS, faults=FAULTS)
def test_each_measure_counts_once(acts: list[tuple[str, int, Measure | None, int]], faults: list[str]) -> None:
    counted: list[Measure] = []
    with TemporaryDirectory() as folder:
        table = Shaky(Path(folder) / "store.db")
        store = Store(table)
        processes = [Tally(store) for _ in range(3)]
        for each in processes:
            each._over.set()  # no thread writes beside the test
        for number, (act, who, measure, days) in enumerate(acts):
            match act:
                case "count":
                    assert measure is not None
                    processes[who](measure, NOW + timedelta(days=days))
                    counted.append(measure)
                case "flush":
                    table.fault = faults[number % len(faults)]
                    processes[who].flush()
                    table.fault = ""
                case "fold":
                    # One that got no answer is sent again within seconds, and is folded after minutes.
                    assert all(each.flush() for each in processes)
                    store.tallies.fold(NOW + 100 * IDLE + timedelta(days=who, hours=number))
        assert all(each.flush() for each in processes)

        assert list(differences(store.tallies.all(), series_of(counted))) == []


def test_a_process_that_is_folded_goes_on_with_what_came_since(tmp_path: Path) -> None:
    store = Store(SQLiteTable(tmp_path / "store.db"))
    tally = Tally(store)
    tally._over.set()
    tally(Measure("Decisions", 1), NOW)
    assert tally.flush()

    assert store.tallies.fold(NOW + timedelta(days=3650)) == 1
    tally(Measure("Decisions", 1), NOW)
    assert tally.flush()

    assert store.tallies.all().of("Decisions").count == 2
    assert store.tallies.since(NOW.date()).of("Decisions").count == 2
    assert store.tallies.since(NOW.date() + timedelta(days=1)).of("Decisions").count == 0


def test_reading_costs_the_same_after_many_processes_and_days(tmp_path: Path) -> None:
    store = Store(SQLiteTable(tmp_path / "store.db"))
    for day in range(60):
        for _ in range(3):
            tally = Tally(store)
            tally._over.set()
            tally(Measure("Decisions", 1), NOW + timedelta(days=day))
            assert tally.flush()
    for again in range(3):
        store.tallies.fold(NOW + timedelta(days=3650, hours=again))

    assert store.tallies.all().of("Decisions").count == 180
    assert len(store.table.query("@tallies")) <= KEPT_DAYS + 1
