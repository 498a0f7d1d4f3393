"""Whether words name a key date: by its label, or by its day and month in any language that dates are read in."""

from datetime import date
from decimal import Decimal

from campaigns.rules.text.figures import figures_in
from campaigns.rules.text.matching import contains


def names_key_date(text: str, label: str, day: date) -> bool:
    """Whether a text names a key date: "Wear Amber Day", "4 June", "June 4th", "den 4. Juni"."""
    parts = {Decimal(day.day), Decimal(day.month)}
    dates = (figure.values for figure in figures_in(text) if figure.kind == "date")
    return contains(text, label) or any(parts <= values <= parts | {Decimal(day.year)} for values in dates)
