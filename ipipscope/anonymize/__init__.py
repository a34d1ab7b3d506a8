"""Cases that can be shown to strangers: addresses and names replaced, payloads cut, the verdicts the same.

Addresses keep their prefixes: two that share the first *n* bits share as many afterwards (`addresses`), so that routes,
blocks and networks mean what they meant. Names and MAC addresses are replaced by keyed hashes (`names`). Frames are
rewritten header by header (`frames`), host state value by value (`state`); what is not understood is cut off. The same
key gives the same replacements.
"""
