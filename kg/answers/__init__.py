"""The answers: pure functions of (release, controls, profile, day).  The command line, the API, the exports and the
tests all call these and get the same frozen objects.

    assess(release, controls, profile, as_of, filter)   → Assessment
        .coverage(framework) · .gaps(framework) · .requirement(provision)
    gap_report(assessment, framework)                   → the open requirements, what would close them
    explain(assessment, requirement)                    → everything behind one cell
    compare(before, after, frameworks)                  → what changed, and what made each change
    what_if(assessment, changes, frameworks)            → before, after, and their comparison
    framework_controls(release, framework, as_of, …)    → the controls of doing a whole framework
    evidence_report(assessment, frameworks, within)     → what rests on each record, and what goes stale when
    crosswalk(release, source, target)                  → direct rows and derived relations, both directions
    exposure(release, requirement)                      → threats and incidents behind a gap
    disagreements(release)                              → what sets say differently of the same pair
    content_report(release, as_of)                      → what the graph can speak of, and what it cannot
    search(release, text)                               → nodes by words
    classification_words(release, classification)       → where an incident stands, in a line
"""

from kg.answers.applicability import Applicability, Decision, Unit
from kg.answers.compare import (
    Cause,
    CauseKind,
    Causes,
    Change,
    ChangeKind,
    Comparison,
    ComparisonSide,
    Direction,
    FrameworkSide,
    compare,
)
from kg.answers.coverage import (
    Assessment,
    Counts,
    Coverage,
    Explanation,
    Group,
    RequirementResult,
    StepView,
    assess,
    coverage,
)
from kg.answers.crosswalk import Crosswalk, CrosswalkRow, DerivedRow, Side, crosswalk
from kg.answers.disagreements import Disagreement, Statement, disagreements
from kg.answers.evidence import EvidenceReport, evidence_report
from kg.answers.explain import ChainView, Explain, RulingView, explain
from kg.answers.exposure import Exposure, exposure, incidents_of, threat_family
from kg.answers.gaps import Gap, GapReport, Pending, gap_report
from kg.answers.graph import MAX_HOPS, Filter
from kg.answers.hypothetical import framework_controls
from kg.answers.judge import Reason, Verdict
from kg.answers.report import ContentReport, FrameworkReport, PairReport, content_report
from kg.answers.search import Hit, classification_words, search
from kg.answers.whatif import Changes, WhatIf, what_if

__all__ = [
    "MAX_HOPS", "Applicability", "Assessment", "Cause", "CauseKind", "Causes", "ChainView", "Change", "ChangeKind",
    "Changes", "Comparison", "ComparisonSide", "ContentReport", "Counts", "Coverage", "Crosswalk", "CrosswalkRow",
    "Decision", "DerivedRow", "Direction", "Disagreement", "EvidenceReport", "Explain", "Explanation", "Exposure",
    "Filter", "FrameworkReport", "FrameworkSide", "Gap", "GapReport", "Group", "Hit", "PairReport", "Pending",
    "Reason", "RequirementResult", "RulingView", "Side", "Statement", "StepView", "Unit", "Verdict", "WhatIf",
    "assess", "classification_words", "compare", "content_report", "coverage", "crosswalk", "disagreements",
    "evidence_report", "explain", "exposure", "framework_controls", "gap_report", "incidents_of", "search",
    "threat_family", "what_if",
]  # fmt: skip
