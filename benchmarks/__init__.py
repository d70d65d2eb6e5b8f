"""Timings of this package beside other frameworks and beside the machine's limit."""
