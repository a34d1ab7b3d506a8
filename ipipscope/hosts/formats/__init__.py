"""One module a format: text and JSON of the usual commands into the values of `ipipscope.hosts.model`.

Every parser here takes text or decoded JSON and returns values or raises `BadState`; none opens anything. A line that
a command would never print is refused where the file is known to be that command's output, and passed over where it
is a paste.
"""
