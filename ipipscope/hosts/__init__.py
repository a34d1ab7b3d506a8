"""Hosts: the network state of nodes, and what it does to packets.

Snapshots are read (`reading`) or taken (`snapshot`); nothing else here opens a file or runs a command. From them the
kernel's decisions are reproduced: the route (`route_lookup`), what an IP-in-IP device makes of a packet (`tunnel`), the
reverse path filter (`rp_filter`), the firewall (`firewall`). `cluster` puts several nodes' snapshots together: who owns
a block, by which address a node is known. `faults` looks for what is wrong in that; `causes` picks the fault that
explains a finding, `audit` reports all of them without any packet, `remedies` prints the commands that mend them.
"""
