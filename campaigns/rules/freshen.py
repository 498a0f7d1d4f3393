"""Moves the dates of a sample brief ahead, so that samples do not age."""

from datetime import date, datetime, timedelta
from typing import Any


def moved_ahead(brief_json: Any, today: date) -> Any:
    """Return the brief on the wire with all its dates moved by the same number of whole weeks, as few as needed.

    Afterwards the start is later than `today`; a brief that starts later already is returned as it is.
    Weekdays, and with them the calendar's shape, stay. Instants keep their offset and time of day.
    A brief without readable dates is returned as it is too: whoever checks it says what is wrong.
    """
    try:
        return _moved_brief(brief_json, today)
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        return brief_json


def _moved_brief(brief_json: dict[str, Any], today: date) -> dict[str, Any]:
    schedule = brief_json["schedule"]
    late = (today - datetime.fromisoformat(schedule["startDate"]).date()).days
    if late < 0:
        return brief_json
    shift = timedelta(weeks=late // 7 + 1)
    moved = {
        **schedule,
        "startDate": _moved(schedule["startDate"], shift),
        "endDate": _moved(schedule["endDate"], shift),
    }
    if schedule.get("blackoutDates"):
        moved["blackoutDates"] = [
            {edge: _moved(day, shift) for edge, day in entry.items()}
            if isinstance(entry, dict)
            else _moved(entry, shift)
            for entry in schedule["blackoutDates"]
        ]
    return {**brief_json, **_with_days_moved(brief_json, shift), "schedule": moved}


def _with_days_moved(brief_json: dict[str, Any], shift: timedelta) -> dict[str, Any]:
    """Return the parts of a brief that name days of their own: key dates, and inclusions with a scope."""
    parts: dict[str, Any] = {}
    if brief_json.get("keyDates"):
        parts["keyDates"] = [{**each, "date": _moved(each["date"], shift)} for each in brief_json["keyDates"]]
    if inclusions := brief_json.get("messaging", {}).get("inclusions"):
        moved = [
            {**each, **{edge: _moved(each[edge], shift) for edge in ("from", "until") if each.get(edge)}}
            for each in inclusions
        ]
        parts["messaging"] = {**brief_json["messaging"], "inclusions": moved}
    return parts


def _moved(text: str, shift: timedelta) -> str:
    moment = datetime.fromisoformat(text) + shift
    return moment.date().isoformat() if len(text) == len("2027-03-15") else moment.isoformat()
