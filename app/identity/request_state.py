"""What a request is known by, kept at it for all who handle it: its id, and who sent it."""

from starlette.requests import HTTPConnection

from app.identity.actor import Actor


def request_id_of(request: HTTPConnection) -> str:
    """The id that the caller sent, if it was valid; else one of ours. It is in the answer and in the log, too."""
    return str(request.state.request_id)


def note_actor(request: HTTPConnection, actor: Actor) -> Actor:
    """Have the request's line in the log say whose it was; nobody believes it. The same actor, to be handed on."""
    request.state.logged_as = actor.name
    return actor
