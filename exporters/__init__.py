"""Exporters, one module per format. Importing this package imports none of them."""
