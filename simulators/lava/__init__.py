"""The real Lava runtime: compiled networks from stock Lava processes, and ours inside Lava graphs.

Nothing here imports lava-nc until it is used; `compat.load_lava` is the one door.
"""
