"""Work on what strangers sent, in a child process under limits.

    from app.sandbox.sandbox import sandbox

    sandbox.run(
        "app.bundles.archive:archive_digest",  # a function that can be imported, of our own code
        {"archive": archive},                  # its keyword arguments
        limits=Limits(wall_seconds=10),
        readable=[folder],                     # what it may open, beside Python itself
        writable=[scratch],
        doing="read the bundle",               # completes "Could not …"
    )

The function's result must be JSON (None, numbers, text, lists, mappings) or bytes. What it raises of ``app.errors`` is raised here
as itself. Beyond that ``run`` raises:

- ``TooCostly`` (a TooLarge): it took more time, processor time, memory or space than its limits allow
- ``Broke`` (an Invalid): it ended in a way that nobody foresaw, or wanted what it may not do; the log says how
- ``Unavailable``: too many run already, or no child could be started; the same may go well a moment later
- what ``answer`` raises, see ``run``

A child is forked by a process that did nothing but import our code (``template``), so it costs some ten milliseconds. It has no
secret of ours: neither in its environment nor in its memory. It cannot start programs, opens files only below the folders that it
was given (``guard``), has no network unless its limits say so, and ends with its limits, with ``run``, and with this process.

The guard holds libraries to what we want of them, as parsers and SDKs that open whatever a file names. It would not hold code of
an attacker's own: never run such code here.
"""
