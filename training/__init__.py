"""Training jobs: what they run is in ``src``, what starts them in ``submit``."""
