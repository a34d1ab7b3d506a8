"""ipipscope."""
