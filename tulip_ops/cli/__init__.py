"""The command line, `tulip`: one module per group of commands.

They parse, call one function each, and print. Nobody imports this package; it alone imports click.
"""
