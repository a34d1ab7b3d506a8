"""Reports: the model that every format writes, and the formats: terminal text, JSON, Markdown and one-line.

Whatever stands in packets, file names or host state is data: each format makes it inert in its own way.
"""
