"""The languages that people read: a sentence is put together in English, kept with its parts, and told late.

`said` makes sentences: `say("{count} replies never leave {node}", count=20, node="node3")` is the English text, an
ordinary `str`, and remembers template and values. `told` gives it in the language that is being written. So rules,
causes and remedies know no language, one report can be written in several, and JSON, tests and tables see English
unless somebody asks for another language. The translations are in `zh_CN.po`, read when they are first needed.
"""
