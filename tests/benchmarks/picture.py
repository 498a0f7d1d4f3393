"""Draws figures over time as SVG: one panel above the other, on one clock. For docs/."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

COLOURS: Final = ("#1f2937", "#b45309", "#0f766e", "#be123c")
_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 900, 150, 60, 50, 60


@dataclass(frozen=True)
class Panel:
    """A panel: what is on its axis, and its lines by name, a figure for each moment."""

    title: str
    lines: dict[str, Sequence[float]]


def drawn(title: str, at: Sequence[float], panels: Sequence[Panel]) -> str:
    """Return the picture; `at`: the moments, in seconds."""
    height = _TOP + len(panels) * (_HEIGHT + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH + _LEFT + 20} {height}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{_LEFT}" y="22" font-size="16">{escape(title)}</text>',
    ]
    for number, panel in enumerate(panels):
        parts += _panel(panel, at, _TOP + number * (_HEIGHT + _GAP))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _panel(panel: Panel, at: Sequence[float], top: int) -> list[str]:
    longest = max(at[-1], 1.0)
    highest = max(1.0, *(max(figures) for figures in panel.lines.values()))
    bottom = top + _HEIGHT
    parts = [f'<text x="{_LEFT}" y="{top - 6}">{escape(panel.title)}</text>']
    for part in range(5):
        y, x = bottom - _HEIGHT * part / 4, _LEFT + _WIDTH * part / 4
        parts += [
            f'<path d="M{_LEFT} {y:.1f}h{_WIDTH}" stroke="#e5e7eb"/>',
            f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{highest * part / 4:.3g}</text>',
            f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{longest * part / 4:.0f} s</text>',
        ]
    for number, (name, figures) in enumerate(panel.lines.items()):
        points = " ".join(
            f"{_LEFT + _WIDTH * moment / longest:.1f},{bottom - _HEIGHT * figure / highest:.1f}"
            for moment, figure in zip(at, figures, strict=True)
        )
        colour, x = COLOURS[number], _LEFT + 240 + 200 * number
        parts += [
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>',
            f'<path d="M{x} {top - 10}h20" stroke="{colour}" stroke-width="3"/>',
            f'<text x="{x + 26}" y="{top - 6}">{escape(name)}</text>',
        ]
    return parts
