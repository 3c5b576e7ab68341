"""What `mlrelease up` supervises: emulator, migrations, API and worker on one machine, as child processes that end with it."""
