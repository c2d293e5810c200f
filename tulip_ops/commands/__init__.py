"""The commands, a noun a module. They parse, call one function each, and print."""
