"""Value types, errors, settings, concurrency.

Every other package imports it. It reads the environment and does no other input or output; it alone
imports pydantic-settings.
"""
