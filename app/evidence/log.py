"""What was read at a failure, before it is kept. Apart from the tables: the child processes that use the Azure SDK have no database."""

from dataclasses import dataclass

DEPLOYMENT_LOG = "deployment_log"
JOB_LOG = "job_log"
ANSWER = "answer"


@dataclass(frozen=True)
class Log:
    """What was read somewhere, as it was. ``kind`` is one of the words above. Never put its text into a sentence or an event.

    One line of it, cleaned and redacted, may stand where it can be overwritten: see ``evidence.causes``.
    """

    kind: str
    text: str
    title: str = ""  # the first line of what is kept: whose log it is, where one subject has several
