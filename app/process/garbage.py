"""The garbage collector while a process starts: almost everything that imports make stays for as long as it runs."""

import gc


def collect_nothing_yet() -> None:
    """Before the imports: to search their hundreds of thousands of objects again and again for garbage takes a sixth of a start."""
    gc.disable()


def collect_from_now_on() -> None:
    """Once everything is put together: what is there by now is never searched again, so that each search is short."""
    gc.freeze()
    gc.enable()
