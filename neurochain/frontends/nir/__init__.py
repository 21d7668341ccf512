"""NIR files: hardened reading, and what neurochain adds to them. Imports h5py only when called."""

from neurochain.frontends.nir.reader import NirResult, read_nir

__all__ = ["NirResult", "read_nir"]
