"""The release for assistants: a server of the Model Context Protocol with read-only tools.

    results    what the tools return: typed, with CURIEs, relation, source and release in every one
    tools      the questions: functions of a release that return these
    server     the tools and resources as a fastmcp server (needs the extra ``mcp``)

An assistant repeats what it reads.  So no number comes without its denominator, method, date and release, and where the
graph has no edge the answer is a refusal that says what was looked at, never a guess.
"""
