"""Shares out posts in whole numbers and deals them evenly over time (domain.md section 14, rule 5)."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from decimal import Decimal
from fractions import Fraction


def largest_remainder(total: int, weights: Sequence[float]) -> list[int]:
    """Return whole shares of `total` by largest remainder; ties go to the earlier one.

    Weights need not add up to 1; when all are 0 nothing is shared out.
    """
    exact = [Fraction(Decimal(repr(float(weight)))) for weight in weights]
    whole = sum(exact)
    if not whole:
        return [0] * len(weights)
    quotas = [total * weight / whole for weight in exact]
    counts = [int(quota) for quota in quotas]
    by_remainder = sorted(range(len(quotas)), key=lambda index: (counts[index] - quotas[index], index))
    for index in by_remainder[: total - sum(counts)]:
        counts[index] += 1
    return counts


def at_least_one(counts: Sequence[int], weights: Sequence[float]) -> list[int]:
    """Return the counts with one for everybody of positive weight, as far as the total allows.

    Each missing one is taken from the largest count, the later one of equals.
    """
    raised = list(counts)
    for index, weight in enumerate(weights):
        if weight > 0 and raised[index] == 0:
            giver = max(range(len(raised)), key=lambda other: (raised[other], other))
            if raised[giver] < 2:
                break
            raised[giver] -= 1
            raised[index] = 1
    return raised


def joint_counts(rows: Sequence[int], columns: Sequence[int]) -> list[list[int]]:
    """Return a matrix with these sums whose every cell is its proportional share, rounded up or down.

    Rounding all cells while keeping the sums is always possible (controlled rounding: Bacharach 1966);
    the units that rounding down leaves over are matched to cells by augmenting paths.
    """
    total = sum(rows)
    if not total:
        return [[0] * len(columns) for _ in rows]
    cells = [[row * column // total for column in columns] for row in rows]
    rest = [[row * column % total for column in columns] for row in rows]
    raised = [[False] * len(columns) for _ in rows]
    lacks = [columns[c] - sum(row[c] for row in cells) for c in range(len(columns))]

    def give(row: int, tried: set[int]) -> bool:
        for column in sorted(range(len(columns)), key=lambda c: (-rest[row][c], c)):
            if not rest[row][column] or raised[row][column] or column in tried:
                continue
            tried.add(column)
            if lacks[column]:
                lacks[column] -= 1
                raised[row][column] = True
                return True
            for other in range(len(rows)):
                if raised[other][column] and give(other, tried):
                    raised[other][column] = False
                    raised[row][column] = True
                    return True
        return False

    for index, row_total in enumerate(rows):
        for _ in range(row_total - sum(cells[index])):
            give(index, set())
    return [
        [cell + up for cell, up in zip(row, ups, strict=True)] for row, ups in zip(cells, raised, strict=True)
    ]  # fmt: skip


def deal(
    counts: Sequence[int], contexts: Sequence[Sequence[Hashable]], traits: Sequence[Sequence[Hashable]] | None = None
) -> list[int]:
    """Return one index for each position, index `k` exactly `counts[k]` times, as evenly as possible.

    Even over the whole sequence, and within every context a position belongs to (its day, its
    persona …): each position takes the index that lags most behind its share so far.

    Args:
        contexts: for each of the `sum(counts)` positions the contexts it belongs to.
        traits: for each index what else of it should be even (the platform of a pair …).
    """
    total = len(contexts)
    features = [((index,), *traits[index]) if traits else ((index,),) for index in range(len(counts))]
    shares: dict[Hashable, float] = defaultdict(float)
    for count, own in zip(counts, features, strict=True):
        for feature in own:
            shares[feature] += count / total if total else 0
    left = list(counts)
    seen: dict[Hashable, int] = defaultdict(int)
    used: dict[tuple[Hashable, Hashable], int] = defaultdict(int)
    dealt: list[int] = []
    for position in contexts:
        around = (None, *position)
        best, best_lag = -1, float("-inf")
        for index, remaining in enumerate(left):
            if not remaining:
                continue
            lag = sum(
                shares[feature] * (seen[context] + 1) - used[context, feature]
                for context in around
                for feature in features[index]
            )
            # Sums of floats in another order differ in the last digits: that is a tie, and goes by input order.
            if lag > best_lag + 1e-9:
                best, best_lag = index, lag
        left[best] -= 1
        dealt.append(best)
        for context in around:
            seen[context] += 1
            for feature in features[best]:
                used[context, feature] += 1
    return dealt
