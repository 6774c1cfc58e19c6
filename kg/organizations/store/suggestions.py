"""Suggested rows, kept until a person decides."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from kg.organizations.store.content import sort_key
from kg.organizations.store.tables import proposals
from kg.organizations.store.transaction import Write
from kg.organizations.store.values import Kind, Proposal, ProposalState

__all__ = ["decide", "one", "propose", "read"]


def _proposal(row: Any) -> Proposal:
    return Proposal(
        control_id=row.control_id,
        target=row.target,
        rank=row.rank,
        why=row.why,
        state=ProposalState(row.state),
        relation=row.relation,
        decided_by=row.decided_by,
        decided_on=row.decided_on,
        version=row.version,
    )


def _json(proposal: Proposal) -> dict[str, Any]:
    found: dict[str, Any] = {
        "control": proposal.control_id,
        "target": proposal.target,
        "rank": proposal.rank,
        "why": proposal.why,
        "state": proposal.state.value,
        "relation": proposal.relation,
        "decided_by": proposal.decided_by,
        "decided_on": proposal.decided_on and proposal.decided_on.isoformat(),
    }
    return {key: value for key, value in found.items() if value}


def read(
    connection: sa.Connection, organization_id: str, control_id: str | None = None, state: ProposalState | None = None
) -> tuple[Proposal, ...]:
    """By control, rank and target."""
    query = sa.select(proposals).where(proposals.c.organization_id == organization_id)
    if control_id is not None:
        query = query.where(proposals.c.control_id == control_id)
    if state is not None:
        query = query.where(proposals.c.state == state.value)
    found = map(_proposal, connection.execute(query))
    return tuple(sorted(found, key=lambda p: (sort_key(p.control_id), p.rank, sort_key(p.target))))


def one(connection: sa.Connection, organization_id: str, control_id: str, target: str) -> Proposal | None:
    """The proposal of a target for a control."""
    found = [p for p in read(connection, organization_id, control_id) if p.target == target]
    return found[0] if found else None


def propose(write: Write, wanted: Iterable[Proposal]) -> None:
    """Keep what is not decided yet; equal ones are left alone."""
    known = {(p.control_id, p.target): p for p in read(write.connection, write.organization_id)}
    for proposal in {(p.control_id, p.target): p for p in wanted}.values():
        old = known.get((proposal.control_id, proposal.target))
        new = Proposal(proposal.control_id, proposal.target, proposal.rank, proposal.why)
        if old is None:
            _save(write, "proposal.create", None, new)
        elif old.state is ProposalState.PROPOSED and (old.rank, old.why) != (new.rank, new.why):
            _save(write, "proposal.update", old, new)


def decide(write: Write, proposal: Proposal, accept: bool, relation: str) -> None:
    """Note the decision, by whom and on which day."""
    new = replace(
        proposal,
        state=ProposalState.ACCEPTED if accept else ProposalState.REJECTED,
        relation=relation if accept else "",
        decided_by=str(write.actor),
        decided_on=write.at.date(),
    )
    _save(write, "proposal.accept" if accept else "proposal.reject", proposal, new)


def _save(write: Write, action: str, old: Proposal | None, new: Proposal) -> None:
    key = {"organization_id": write.organization_id, "control_id": new.control_id, "target": new.target}
    values = {
        "rank": new.rank, "why": new.why, "state": new.state.value, "relation": new.relation,
        "decided_by": new.decided_by, "decided_on": new.decided_on, "version": write.revision,
    }  # fmt: skip
    if old is None:
        write.connection.execute(sa.insert(proposals), {**key, **values})
    else:
        same = sa.and_(*(proposals.c[name] == value for name, value in key.items()))
        write.connection.execute(sa.update(proposals).where(same).values(**values))
    write.record(action, Kind.PROPOSAL, f"{new.control_id} {new.target}", old and _json(old), _json(new))
