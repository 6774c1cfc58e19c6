"""Every code a finding may carry, with what it means.

Each has a bad and a good example under ``tests/lint`` and a line in ``docs/findings.md``; a test holds them together.
"""

from __future__ import annotations

__all__ = ["CODES", "CONTROL_CODES", "FILE_CODES", "IMPORT_CODES", "MAPPING_CODES"]

#: Findings of ``kg lint``: code → meaning.
CODES: dict[str, str] = {
    "ALTERNATIVE_IS_ASSESSABLE": "an alternative, exception or condition may not be a requirement: its group is",
    "BAD_VALUE": "a value is not of its kind (a date, a number in its range, a word of a closed list)",
    "CONTRADICTION": "two rows of one set and rationale kind cannot both hold",
    "CONTRADICTION_BETWEEN_SETS": "rows of two sets cannot both hold (warning: the answer is marked disputed)",
    "DUPLICATE_ID": "an id is defined twice",
    "DUPLICATE_ROW": "two rows have the same set, subject, object and rationale kind",
    "EMPTY_SET": "a mapping file holds no rows",
    "ENCODING": "a file is not UTF-8, or begins with a byte order mark",
    "EQUAL_TWICE": "one node is equal to two nodes of one catalogue, which would make those two equal",
    "LABEL_MISMATCH": "the label beside an id is not that id's title",
    "MISSING_COLUMN": "a required column is missing",
    "MISSING_HEADER": "a required key of the file's header is missing",
    "MISSING_VALUE": "a required value is empty or absent",
    "NOT_CANONICAL": "the file is not in canonical form (warning; `kg lint --fix` writes it)",
    "NO_DATA": "a data folder holds neither ontologies/, mappings/ nor frameworks/",
    "PART_CYCLE": "a provision is, through its parts, a part of itself",
    "RETIRED_ID": "an id that does not exist in the text version the row was judged on",
    "ROW_SHAPE": "a row has more or fewer cells than the header",
    "SELF_MAPPING": "a row maps a node to itself",
    "SYNTAX": "a file does not parse",
    "UNKNOWN_COLUMN": "a column nobody knows",
    "UNKNOWN_ID": "an id that names nothing",
    "UNKNOWN_RELATION": "a relation nobody knows",
    "UNKNOWN_TERM": "a class or property that the ontology does not define",
    "UNSIGNED_REVIEW": "a row names a reviewer who is not in curators.tsv",
    "WRONG_KIND": "an id exists but is of another kind than its place asks for",
}

#: Findings about an organisation's own files (controls and profiles).
CONTROL_CODES: dict[str, str] = {
    "BAD_VALUE": CODES["BAD_VALUE"],
    "DUPLICATE_COLUMN": "two columns mean the same",
    "DUPLICATE_CONTROL": "two controls have the same id",
    "DUPLICATE_MAPPING": "one control names one target twice",
    "EMPTY_FILE": "the file holds no controls",
    "ENCODING": "a text file is not UTF-8",
    "MISSING_COLUMN": CODES["MISSING_COLUMN"],
    "MISSING_STATUS": "a control has no status, so nothing can be credited to it",
    "MISSING_VALUE": CODES["MISSING_VALUE"],
    "NOT_FOUND": "the file does not exist",
    "NO_PROFILE": "controls are limited to AI systems, and no profile names any (warning: they count nowhere)",
    "ROW_SHAPE": CODES["ROW_SHAPE"],
    "UNKNOWN_COLUMN": "a column nobody reads (warning)",
    "UNKNOWN_ID": CODES["UNKNOWN_ID"],
    "UNKNOWN_KEY": "a key of a profile nobody knows",
    "UNKNOWN_RELATION": CODES["UNKNOWN_RELATION"],
    "UNKNOWN_STATUS": "a status nobody knows",
    "UNKNOWN_SYSTEM": "a control names an AI system the profile does not have",
    "UNREADABLE": "the file is not what its name says",
    "WRONG_KIND": "an id that cannot be the target of a control's row",
}

#: Findings about a snapshot that ``kg import`` reads.
IMPORT_CODES: dict[str, str] = {
    "BAD_VALUE": CODES["BAD_VALUE"],
    "DUPLICATE_ID": "an incident's number stands in the snapshot twice",
    "DUPLICATE_ROW": "an incident is classified twice and not the same (warning: the first is kept)",
    "EMPTY_FILE": "the table holds no incidents",
    "ENCODING": "a table is not UTF-8",
    "MISSING_COLUMN": CODES["MISSING_COLUMN"],
    "MISSING_VALUE": CODES["MISSING_VALUE"],
    "NOT_FOUND": "the snapshot, or the table of incidents in it, does not exist",
    "NO_DATE": "nothing says of which day the snapshot is (warning)",
    "ROW_SHAPE": "a row has more or fewer cells than the header, or is no row of a CSV file",
    "TOO_LARGE": "a table, a name or an archive is larger than those of any snapshot",
    "UNKNOWN_ID": "a classification of an incident or under a subdomain that nobody knows (warning: left out)",
    "UNREADABLE": "the snapshot is not what its name says, or not whole",
    "UNSAFE_ARCHIVE": "an archive holds a path that leads out of it, a link or a device",
}

#: Findings of files of other tools (``kg import controls``, ``oscal-catalog``, ``ciso-library``), beside the above.
FILE_CODES: dict[str, str] = {
    "DUPLICATE_ID": "two nodes of a framework have the same id",
    "NEAR_ID": "an id differs from one that is kept only in case or blanks",
    "NOT_ASSESSED": "requirements of an audit have no result and make no control (warning)",
    "NO_FRAMEWORK": "rows of an audit name no framework of the release and are not mapped (warning)",
    "SYNTAX": "a JSON or YAML file does not parse",
    "UNKNOWN_CONTROL": "a mapping names a control that is not kept",
}

#: Findings of ``kg import mappings``, beside those of the data and of files of other tools.
MAPPING_CODES: dict[str, str] = {
    "JOINT_ROWS": "a relation is stated of several ids together, and of each only what follows is kept (warning)",
    "KEPT_ROWS": "rows stay though an edited export leaves them out: of a set it does not name, or beside a set of "
    "one's own (warning)",
    "NO_RELATION": "rows state no relation and are read as related (warning)",
    "NO_TERM": "rows say that nothing was found and make no mapping (warning)",
    "OTHER_RELEASE": "an edited export is of another release, whose changes look like edits (warning)",
}
