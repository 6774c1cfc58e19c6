"""From another's published data to a data folder for ``--data``: read strictly, with every fault at once, and written
whole or not at all.

    aiid.read_snapshot(path)                  the AI Incident Database's weekly snapshot → Snapshot
    aiid.write_folder(snapshot, release, dir) its incidents as Turtle, its classifications as a table
    frameworks.read_oscal_catalog(path)       an OSCAL catalog → Library
    frameworks.read_ciso_library(path)        a library of CISO Assistant → Library
    frameworks.write_library(library, name, dir)   its nodes as a node list
    mappings.read_mappings(path)              published mappings, or an edited export of ours (see there)
"""
