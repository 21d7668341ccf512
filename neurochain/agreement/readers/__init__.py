"""One file for each form of a network that `neurochain verify` runs (`registry.BUILT_IN`)."""
