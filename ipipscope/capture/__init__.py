"""Records or loads: file formats, compression, capture points, the record walk.

The only place, with `hosts`, that opens files, sockets or commands. What leaves it is octets and facts: buffers of
frames with where each stands, when it was seen and on which interface, and which capture point that interface is.
"""
