"""The answers: pure functions of (release, controls, profile, day).  The command line, the API, the exports and the
tests all call these and get the same frozen objects.

    assess(release, controls, profile, as_of, filter)   → Assessment
        .coverage(framework) · .gaps(framework) · .requirement(provision)
    gap_report(assessment, framework)                   → the open requirements, what would close them
    explain(assessment, requirement)                    → everything behind one cell
    crosswalk(release, source, target)                  → direct rows and derived relations, both directions
    plan(assessment, goals, options)                    → the best set of actions, and what each step closes
    singles(assessment, goals, options)                 → what each action closes by itself
    exposure(release, requirement)                      → threats and incidents behind a gap
    disagreements(release)                              → what sets say differently of the same pair
    content_report(release, as_of)                      → what the graph can speak of, and what it cannot
    search(release, text)                               → nodes by words
    classification_words(release, classification)       → where an incident stands, in a line
"""

from kg.answers.applicability import Applicability, Decision, Unit
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
from kg.answers.explain import ChainView, Explain, RulingView, explain
from kg.answers.exposure import Exposure, exposure, incidents_of, threat_family
from kg.answers.gaps import Gap, GapReport, Pending, gap_report
from kg.answers.graph import MAX_HOPS, Filter
from kg.answers.judge import Reason, Verdict
from kg.answers.plan import Plan, Singles, plan, singles
from kg.answers.report import ContentReport, FrameworkReport, PairReport, content_report
from kg.answers.search import Hit, classification_words, search

__all__ = [
    "MAX_HOPS", "Applicability", "Assessment", "ChainView", "ContentReport", "Counts", "Coverage",
    "Crosswalk", "CrosswalkRow", "Decision", "DerivedRow", "Disagreement", "Explain", "Explanation",
    "Exposure", "Filter", "FrameworkReport", "Gap", "GapReport", "Group", "Hit", "PairReport", "Pending", "Plan",
    "Reason", "RequirementResult", "RulingView", "Side", "Singles", "Statement", "StepView", "Unit", "Verdict",
    "assess", "classification_words", "content_report", "coverage", "crosswalk", "disagreements", "explain", "exposure",
    "gap_report", "incidents_of", "plan", "search", "singles", "threat_family",
]  # fmt: skip
