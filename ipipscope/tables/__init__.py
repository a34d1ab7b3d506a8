"""The tables that people explore: packets, sightings, exchanges, flows, findings, points.

A table is built from columns of numbers (`table`), one module each; `where` picks rows, and three modules hand it on:
`dataframe` to pandas, `arrow` to Arrow and Parquet, `text` to CSV, JSON and the terminal. Only the first two load more
than NumPy, and only when they are used.
"""
