"""Rules: one small module each, holding its number, its name, its text for people and its test on a journey.

`view` answers a rule's questions about one journey: what was seen where, what is missing, what could not have been
recorded. `judge` asks the rules in the order of `catalogue`, faults before their consequences, and gathers what they
struck into findings. Nothing here opens a file, reads a clock or knows a host's configuration.
"""
