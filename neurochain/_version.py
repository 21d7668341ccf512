"""The version, as a literal: reading installed metadata would cost start-up time."""

__version__ = "0.1.0"
