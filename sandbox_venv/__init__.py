"""Run Python that nobody has read: every entry point of a venv in a fresh Linux namespace sandbox."""

__version__ = "0.1.0"
