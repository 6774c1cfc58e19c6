"""``kg report soa`` and ``kg report ai-act-readiness``: what is handed over, about an organisation."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kg.cli.assess import write_answers
from kg.cli.session import Session

if TYPE_CHECKING:
    from rich.console import Console

    from kg.answers.duties import Duties
    from kg.answers.soa import StatementOfApplicability

__all__ = ["ai_act_readiness", "soa"]


def soa(session: Session, wanted: str, limit: int, output: Path | None) -> None:
    """The Statement of Applicability."""
    from kg.answers.soa import statement_of_applicability

    found = statement_of_applicability(session.assessment)
    _write(session, found, wanted, output, lambda console: _soa(console, found, session, limit))


def ai_act_readiness(session: Session, wanted: str, limit: int, output: Path | None) -> None:
    """Readiness for the EU AI Act by role, tier and date."""
    from kg.answers.duties import duties

    found = duties(session.assessment)
    _write(session, found, wanted, output, lambda console: _duties(console, found, session, limit))


def _write(session: Session, found: Any, wanted: str, output: Path | None, draw: Any) -> None:
    def page(console: Console) -> None:
        from kg.cli import render

        render.header(console, session)
        draw(console)
        render.disclaimers(console, found.disclaimers, method=found.method)

    write_answers([found], session.release, wanted, output, page)


def _soa(console: Console, found: StatementOfApplicability, session: Session, limit: int) -> None:
    from kg.cli import render
    from kg.exports.tables_deliverables import FINDINGS, statement_summary

    render.paragraph(console, statement_summary(found), "bold")
    console.print()
    rows = []
    for r in found.rows:
        bearing = [i.control.id for i in r.implementations if i.outcome != "LEAD"]
        by = ", ".join(bearing[:4]) + (f" and {len(bearing) - 4} more" if len(bearing) > 4 else "")
        why = f"{len(r.drivers)} provisions" if r.included else r.exclusion
        rows.append((r.result.requirement.ref, r.result.requirement.title, r.state.value, by, why))
    columns = [
        ("Control", "."),
        ("Title", "<"),
        ("State", "."),
        ("Your controls", "<"),
        ("Asked for by, or why not", "<"),
    ]
    render.put(console, render.simple_table(columns, rows))
    counted = Counter(f for r in found.rows for f in r.findings)
    if counted:
        render.paragraph(console, "Findings", "bold")
        for finding, words in FINDINGS.items():
            where = [r.result.requirement.ref for r in found.rows if finding in r.findings]
            if where:
                shown = where[:limit] if limit else where
                more = f" and {len(where) - len(shown)} more" if len(where) > len(shown) else ""
                render.paragraph(console, f"{len(where)}: {words}: {', '.join(shown)}{more}", indent=2)
        console.print()
    if found.further:
        names = ", ".join(c.id for c in found.further)
        render.paragraph(console, f"Further controls, which bear on none of Annex A: {names}")


def _duties(console: Console, found: Duties, session: Session, limit: int) -> None:
    from kg.cli import render
    from kg.exports.tables_deliverables import duties_summary
    from kg.exports.words import step_text

    render.paragraph(console, duties_summary(found), "bold")
    console.print()
    counts = [
        (c.applies_from or "", c.role or "everybody", c.tier, f"{c.covered} of {c.duties}", c.partial, c.lead, c.gap)
        for c in found.by_role
    ]
    columns = [
        ("From", "."),
        ("Role", "<"),
        ("Tier", "<"),
        ("Covered", ">"),
        ("Part.", ">"),
        ("Lead", ">"),
        ("Gap", ">"),
    ]
    render.put(console, render.simple_table(columns, counts))
    render.paragraph(console, "A duty that binds two roles stands under each: the lines do not add up.", "dim")
    console.print()
    open_ = [d for d in found.duties if d.next_step is not None]
    shown = open_[:limit] if limit else open_
    for d in shown:
        line = render.verdict(f"{d.verdict.name:<8}")
        when = f"from {d.applies_from}, {d.days} days" if d.days else "applies"
        line.append(f"{d.requirement.ref}  {d.requirement.title}", "bold default")
        console.print(line)
        whom = " as ".join(filter(None, (d.unit, ", ".join(d.roles))))
        render.paragraph(console, "; ".join(filter(None, (whom, when))), "dim", indent=8)
        render.paragraph(console, f"Next: {step_text(d.next_step, session.release)}.", indent=8)
    if rest := len(open_) - len(shown):
        render.paragraph(console, f"… and {rest} more (--limit 0 lists all)", "dim")
