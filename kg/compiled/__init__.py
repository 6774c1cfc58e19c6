"""The compiled release: what the sources say, in files that open at once.

    records    model objects as lines of JSON, read one by one or all together
    derived    what follows from a release and nearly every command asks for
    files      the file set of one build: written whole or not at all, mapped into memory, checked before it is believed
    cache      where builds are kept, which one belongs to the sources as they are, and when it is made anew

A build holds data only: JSON, numbers and N-Quads.  Nothing in it is ever executed, whoever wrote it.
"""
