"""Value types, errors, settings, concurrency: what everybody imports.

It reads the environment and does no other input or output; it alone imports pydantic-settings.
"""
