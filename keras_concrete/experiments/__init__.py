"""The laboratory: runs from the command line, and the paper's tables and figures.

It uses the library as any user does; nothing in the library imports it.
"""
