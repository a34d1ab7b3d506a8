"""Pairing, journeys, sides: sightings of packets become exchanges, and exchanges the few journeys they share.

Flow: `merge` brings the batches of all files forward together in capture time and drops second recordings of the same
packet; `pairing` (compiled) puts packets together to exchanges and counts those that were seen in the same way;
`journey` unpacks these into values; `sides` finds out where each inner address lives. Nothing here opens a file.
"""
