"""The answers: pure functions of (release, controls, profile, day).  The command line, the API, the exports and the
tests all call these and get the same frozen objects.

    assess(release, controls, profile, as_of, filter)   → Assessment
        .coverage(framework) · .gaps(framework) · .requirement(provision)
    applicability(release, profile, framework, as_of)   → what applies, what not, what later, and by which rule
    lens(release, profile, framework, as_of)            → the same, counted and grouped by the deciding rule
    questionnaire(release) · answer(release, answers)   → twelve questions, and the profile that answers make
    timeline(assessment, frameworks, from, until)       → when what begins, and what will then be a gap
    gap_report(assessment, framework)                   → the open requirements, what would close them
    explain(assessment, requirement)                    → everything behind one cell
    compare(before, after, frameworks)                  → what changed, and what made each change
    what_if(assessment, changes, frameworks)            → before, after, and their comparison
    framework_controls(release, framework, as_of, …)    → the controls of doing a whole framework
    evidence_report(assessment, frameworks, within)     → what rests on each record, and what goes stale when
    soa.statement_of_applicability(assessment)          → the controls of Annex A: included or not, why, how done
    duties.duties(assessment, framework)                → what binds by role, tier and date, and what to do next
    crosswalk(release, source, target)                  → direct rows and derived relations, both directions
    plan(assessment, goals, options)                    → the best set of actions, and what each step closes
    singles(assessment, goals, options)                 → what each action closes by itself
    exposure(release, requirement)                      → threats and incidents behind a gap
    exposure_ranking(assessment, frameworks, cases)     → open requirements by what happened to others
    concerns(release, case_of(release, incident), day)  → the requirements and reference controls an incident concerns
    readiness(assessment, case)                         → what an organisation has of these
    disagreements(release)                              → what sets say differently of the same pair
    content_report(release, as_of)                      → what the graph can speak of, and what it cannot
    overlap(release, source, target)                    → how much of one framework another gives
    overlap_matrix(release, sources, targets)           → every one against every other
    search(release, text)                               → nodes by words
    classification_words(release, classification)       → where an incident stands, in a line
"""

from typing import TYPE_CHECKING

from kg.lazy import lazily

if TYPE_CHECKING:
    from kg.answers.applicability import Applicability, Decision, RequirementDecision, Unit, applicability, exclusions
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
    from kg.answers.concerns import Case, Concerns, case_of, concerns
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
    from kg.answers.exposure import CaseFilter, Exposure, exposure, incidents_of, threat_family
    from kg.answers.filter import MAX_HOPS, Filter
    from kg.answers.gaps import Gap, GapReport, Pending, gap_report
    from kg.answers.hypothetical import framework_controls
    from kg.answers.lens import Lens, LensGroup, LensRow, lens
    from kg.answers.overlap import (
        Assumption,
        Overlap,
        OverlapMatrix,
        OverlapPair,
        assume,
        both_ways,
        overlap,
        overlap_matrix,
    )
    from kg.answers.plan import Plan, Singles, plan, singles
    from kg.answers.questionnaire import Answer, Consequence, Move, ProfileDraft, Standing, Tally, answer, questionnaire
    from kg.answers.ranking import ExposureRanking, RankedGap, exposure_ranking
    from kg.answers.readiness import Readiness, readiness
    from kg.answers.report import ContentReport, FrameworkReport, PairReport, content_report
    from kg.answers.search import Hit, classification_words, search
    from kg.answers.timeline import Happening, Milestone, Numbers, Timeline, TimelineChange, timeline
    from kg.answers.verdict import Reason, Verdict
    from kg.answers.whatif import Changes, WhatIf, what_if

__all__ = [
    "MAX_HOPS", "Answer", "Applicability", "Assessment", "Assumption", "Case", "CaseFilter", "Cause", "CauseKind",
    "Causes", "ChainView", "Change", "ChangeKind", "Changes", "Comparison", "ComparisonSide", "Concerns", "Consequence",
    "ContentReport", "Counts", "Coverage", "Crosswalk", "CrosswalkRow", "Decision", "DerivedRow", "Direction",
    "Disagreement", "EvidenceReport", "Explain", "Explanation", "Exposure", "ExposureRanking", "Filter",
    "FrameworkReport", "FrameworkSide", "Gap", "GapReport", "Group", "Happening", "Hit", "Lens", "LensGroup", "LensRow",
    "Milestone", "Move", "Numbers", "Overlap", "OverlapMatrix", "OverlapPair", "PairReport", "Pending", "Plan",
    "ProfileDraft", "RankedGap", "Readiness", "Reason", "RequirementDecision", "RequirementResult", "RulingView",
    "Side", "Singles", "Standing", "Statement", "StepView", "Tally", "Timeline", "TimelineChange", "Unit", "Verdict",
    "WhatIf", "answer", "applicability", "assess", "assume", "both_ways", "case_of", "classification_words", "compare",
    "concerns", "content_report", "coverage", "crosswalk", "disagreements", "evidence_report", "exclusions", "explain",
    "exposure", "exposure_ranking", "framework_controls", "gap_report", "incidents_of", "lens", "overlap",
    "overlap_matrix", "plan", "questionnaire", "readiness", "search", "singles", "threat_family", "timeline", "what_if",
]  # fmt: skip

#: Module → the names of this package that it defines.
_MODULES = {
    "applicability": "Applicability Decision RequirementDecision Unit applicability exclusions",
    "compare": "Cause CauseKind Causes Change ChangeKind Comparison ComparisonSide Direction FrameworkSide compare",
    "concerns": "Case Concerns case_of concerns",
    "coverage": "Assessment Counts Coverage Explanation Group RequirementResult StepView assess coverage",
    "crosswalk": "Crosswalk CrosswalkRow DerivedRow Side crosswalk",
    "disagreements": "Disagreement Statement disagreements",
    "evidence": "EvidenceReport evidence_report",
    "explain": "ChainView Explain RulingView explain",
    "exposure": "CaseFilter Exposure exposure incidents_of threat_family",
    "filter": "MAX_HOPS Filter",
    "gaps": "Gap GapReport Pending gap_report",
    "hypothetical": "framework_controls",
    "lens": "Lens LensGroup LensRow lens",
    "overlap": "Assumption Overlap OverlapMatrix OverlapPair assume both_ways overlap overlap_matrix",
    "plan": "Plan Singles plan singles",
    "questionnaire": "Answer Consequence Move ProfileDraft Standing Tally answer questionnaire",
    "ranking": "ExposureRanking RankedGap exposure_ranking",
    "readiness": "Readiness readiness",
    "report": "ContentReport FrameworkReport PairReport content_report",
    "search": "Hit classification_words search",
    "timeline": "Happening Milestone Numbers Timeline TimelineChange timeline",
    "verdict": "Reason Verdict",
    "whatif": "Changes WhatIf what_if",
}
lazily(__name__, _MODULES)
