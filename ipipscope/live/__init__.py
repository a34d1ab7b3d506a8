"""Live: recorders run, what they give is written first and judged at once, findings open, change and close.

`capture` on the left gives batches of records from running commands and takes them into a file; `analysis` on the
right judges what has closed so far, as it does for files. What is here keeps time between the two.
"""
