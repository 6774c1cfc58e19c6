"""From another's published data to a data folder for ``--data``: read strictly, with every fault at once, and written
whole or not at all.

    aiid.read_snapshot(path)                  the AI Incident Database's weekly snapshot → Snapshot
    aiid.write_folder(snapshot, release, dir) its incidents as Turtle, its classifications as a table
"""
