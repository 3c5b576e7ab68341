"""Azure ML on localhost: a server for the unmodified Azure ML SDK. A program of its own; it never imports the service."""
