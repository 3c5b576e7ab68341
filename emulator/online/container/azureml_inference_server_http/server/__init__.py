"""What serves a score script: how its ``run`` is called, and the addresses at which it answers."""
