"""An organisation's side: its controls and its profile, read as people keep them and refused with every fault at once.

    read_controls(path, release)          a CSV file or a workbook       → Sheet
    parse_controls(rows, release)         rows that are structured already → Sheet
    control_from_fields(fields, release)  one control                    → Control
    read_profile(path, release)           TOML or JSON                   → Profile
    profile_from_mapping(data, release)   a mapping that is structured already → Profile
    suggest(release, control)             what its text may be mapped to  → Suggestions
    read_any(path, release)               a file of another tool too      → Incoming
    plan_import(current, sheet)           what an import would change     → ImportPlan
    profile_to_mapping(profile)           the way back, only what is stated  → dict
    profile_toml(profile)                 the profile as TOML that reads back to the same

A file and a request with the same content are checked by the same code and give equal values.
"""

from typing import TYPE_CHECKING

from kg.lazy import lazily

if TYPE_CHECKING:
    from kg.organizations.controls import (
        COLUMNS,
        STATUS_WORDS,
        Sheet,
        control_from_fields,
        find_target,
        parse_controls,
        read_controls,
        sentences_of,
    )
    from kg.organizations.formats import read_any
    from kg.organizations.imports import ImportPlan, plan_import
    from kg.organizations.profile_toml import profile_toml
    from kg.organizations.profiles import profile_from_mapping, profile_to_mapping, read_profile
    from kg.organizations.suggestions import Suggestion, suggest
    from kg.organizations.writing import controls_csv, template_xlsx

__all__ = [
    "COLUMNS", "STATUS_WORDS", "ImportPlan", "Sheet", "Suggestion", "control_from_fields", "controls_csv",
    "find_target", "parse_controls", "plan_import", "profile_from_mapping", "profile_to_mapping", "profile_toml",
    "read_any", "read_controls", "read_profile", "sentences_of", "suggest", "template_xlsx",
]  # fmt: skip

#: Module → the names of this package that it defines.
_MODULES = {
    "controls": "COLUMNS STATUS_WORDS Sheet control_from_fields find_target parse_controls read_controls sentences_of",
    "formats": "read_any",
    "imports": "ImportPlan plan_import",
    "profile_toml": "profile_toml",
    "profiles": "profile_from_mapping profile_to_mapping read_profile",
    "suggestions": "Suggestion suggest",
    "writing": "controls_csv template_xlsx",
}
lazily(__name__, _MODULES)
