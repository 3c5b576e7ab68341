"""``mlrelease-ci``: what pipelines run. It asks for a release, waits for it, and tells the pipeline's own pages of it."""
