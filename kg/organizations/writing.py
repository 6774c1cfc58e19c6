"""Controls as files that the reader reads back: a CSV table, and the workbook that is handed out to be filled in.

controls_csv(controls)   → the text of a CSV file, controls in natural order
template_xlsx(release)   → the bytes of a workbook: Controls, Example, Read me
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable
from datetime import date, datetime
from typing import Any

from kg.model import Control, ControlStatus
from kg.organizations.controls import COLUMNS, kept_as_text
from kg.relations import RELATIONS, word
from kg.release import Release
from kg.terms import natural_key

__all__ = ["controls_csv", "template_xlsx"]

#: Each column of the template: the heading's note, and its width in characters.
NOTES: dict[str, tuple[str, int]] = {
    "id": ("Your own id of the control. It stays the same for ever: an import knows the control again by it.", 14),
    "title": ("What the control is, in a few words.", 34),
    "description": ("What is done, by whom, how often. Suggestions read this.", 60),
    "status": ("implemented, partial, planned, alternative or not-applicable. Choose from the list.", 16),
    "owner": ("Who answers for it: a role or a name.", 20),
    "evidence_date": ("The day of the newest evidence, like 2026-07-27. May stay empty.", 14),
    "evidence": ("The names of what shows it, several separated by ; . One record may serve several controls.", 24),
    "evidence_valid_until": ("The day until which that evidence counts. May stay empty.", 14),
    "evidence_max_age_days": ("After how many days this control's evidence is too old. May stay empty.", 14),
    "mappings": (
        "What it is mapped to, several separated by ; . After a target you may say the relation: "
        "iso42001:A.6.2.4 superset_of; gdpr:art-32.1 intersects_with. May stay empty: `kg suggest` proposes.",
        52,
    ),
    "systems": ("Only if it is limited to AI systems of your profile: their ids, separated by ; .", 18),
}
_EXAMPLE = (
    ("AC-01", "Access to training data", "Only named roles may read or change training data; rights are reviewed each "
     "quarter.", "implemented", "Head of data", "2026-06-30", "access review Q2", "", "120",
     "iso42001:A.7.2 intersects_with; gdpr:art-32.1.b", ""),
    ("INC-01", "Incident response for AI", "Incidents are triaged within a day and reported where the law asks for it.",
     "partial", "Security lead", "2026-05-12", "", "", "", "aisb:INC-01", ""),
    ("OV-01", "Human review of decisions", "A trained person looks at each rejected application.", "planned",
     "Product owner", "", "", "", "", "", ""),
)  # fmt: skip
_MOST_ROWS = 5_000


def controls_csv(controls: Iterable[Control]) -> str:
    """The controls as a CSV table with the columns of :data:`~kg.organizations.controls.COLUMNS`.

    Reading it gives the same controls.  What no cell can say is left out: of an evidence record its kind, title, link
    and note, and the days of one control's records where they differ.  A text that a spreadsheet would run as a
    formula gets a leading apostrophe, which the reader takes off again.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for c in sorted(controls, key=lambda c: (natural_key(c.id), c.id)):
        rows = "; ".join(f"{r.target} {word(r.mask)}" if r.stated else r.target for r in c.rows)
        days = {r.day for r in c.evidence} or {c.evidence_date}
        ends = {r.valid_until for r in c.evidence}
        cells = {
            "id": c.id,
            "title": c.title,
            "description": c.description,
            "status": c.status.value,
            "owner": c.owner,
            "evidence_date": _only(days),
            "evidence": "; ".join(r.id for r in c.evidence),
            "evidence_valid_until": _only(ends),
            "evidence_max_age_days": str(c.max_evidence_age_days or ""),
            "mappings": rows,
            "systems": "; ".join(c.systems),
        }
        writer.writerow([kept_as_text(cells[column]) for column in COLUMNS])
    return out.getvalue()


def _only(days: Collection[date | None]) -> str:
    """The one day, as text; empty where there is none, or several."""
    day = next(iter(days)) if len(days) == 1 else None
    return day.isoformat() if day else ""


def template_xlsx(release: Release) -> bytes:
    """A workbook to fill in: a sheet of controls with a list to choose the status from and a note at every heading,
    an example, and a sheet that explains.  It reads back once it holds a control."""
    import xlsxwriter

    out = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    book = xlsxwriter.Workbook(out, options)
    book.set_properties({"title": "Controls", "created": datetime(2026, 1, 1)})
    font = {"font_name": "Calibri", "font_size": 10, "valign": "top", "text_wrap": True}
    # Everything is text: a spreadsheet would else make 1.10 of an id to 1.1, and a date of 3-4.
    text = book.add_format({**font, "num_format": "@"})
    header = book.add_format({**font, "bold": True, "font_color": "#FFFFFF", "bg_color": "#1F3A5F", "border": 1})
    heading = book.add_format({**font, "bold": True, "font_size": 13, "font_color": "#1F3A5F", "text_wrap": False})
    _sheet_of_controls(book.add_worksheet("Controls"), (), header, text)
    # The header of the example differs from the real one, so that the reader takes the first sheet only.
    example = book.add_worksheet("Example")
    example.write_string(0, 0, "How the first sheet looks when it is filled in", heading)
    for column, (name, (_, width)) in enumerate(NOTES.items()):
        example.set_column(column, column, width, text)
        example.write_string(1, column, f"e.g. {name}", header)
        for line, row in enumerate(_EXAMPLE, 2):
            example.write_string(line, column, row[column], text)
    _read_me(book.add_worksheet("Read me"), release, heading, header, text)
    book.close()
    return out.getvalue()


def _sheet_of_controls(sheet: Any, rows: Iterable[tuple[str, ...]], header: Any, text: Any) -> None:
    for column, (name, (note, width)) in enumerate(NOTES.items()):
        sheet.set_column(column, column, width, text)
        sheet.write_string(0, column, name, header)
        sheet.write_comment(0, column, note, {"x_scale": 2, "y_scale": 1.2})
    for line, row in enumerate(rows, 1):
        for column, cell in enumerate(row):
            sheet.write_string(line, column, cell, text)
    statuses = [status.value for status in ControlStatus]
    sheet.data_validation(1, list(NOTES).index("status"), _MOST_ROWS, list(NOTES).index("status"), {
        "validate": "list", "source": statuses, "error_title": "Status",
        "error_message": "One of: " + ", ".join(statuses),
    })  # fmt: skip
    sheet.freeze_panes(1, 2)
    sheet.autofilter(0, 0, _MOST_ROWS, len(NOTES) - 1)


def _read_me(sheet: Any, release: Release, heading: Any, header: Any, text: Any) -> None:
    sheet.set_column(0, 0, 26, text)
    sheet.set_column(1, 1, 110, text)
    lines: list[tuple[str, str]] = [("Column by column", "")]
    lines += [(name, note) for name, (note, _) in NOTES.items()]
    lines += [("Relations", "read from your control; without one a requirement is only related")]
    lines += [(name, _RELATIONS[name]) for name in RELATIONS if name in _RELATIONS]
    lines += [("Frameworks", "what a mapping may begin with")]
    lines += [(f.id, f.title) for f in release.frameworks.values()]
    lines += [(c.id, f"{c.title} (reference controls)") for c in release.catalogues.values()]
    lines += [("Then", "kg import controls controls.xlsx --dry-run; kg coverage controls.xlsx")]
    for line, (term, meaning) in enumerate(lines):
        if term in ("Column by column", "Relations", "Frameworks", "Then"):
            sheet.write_string(line, 0, term, heading)
        else:
            sheet.write_string(line, 0, term, header)
        sheet.write_string(line, 1, meaning, text)


_RELATIONS = {
    "equal": "does exactly what is asked",
    "superset_of": "does all that is asked, and more",
    "subset_of": "does only a part of it",
    "intersects_with": "does a part of it, and other things",
    "related": "has something to do with it, not known what",
}
