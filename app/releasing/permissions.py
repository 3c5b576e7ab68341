"""Who may do a thing: declared with the use case and checked there, once, whichever face asks for it.

What somebody may not see is answered exactly as what is not there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Concatenate, Generic, ParamSpec, TypeVar

from sqlmodel import Session

from app.definitions.queries import no_such_model
from app.identity.actor import Actor, forbidden
from app.identity.roles import Permission
from app.planning.ids import model_of
from app.releases.queries import no_such_release
from app.releasing.work import Work
from app.serving.queries import model_at, no_such_target

Rest = ParamSpec("Rest")
Result = TypeVar("Result")


@dataclass(frozen=True)
class UseCase(Generic[Rest, Result]):
    """What people ask for about one subject, and the permission for its model that this takes."""

    permission: Permission
    require: Callable[[Session, Actor, Permission, str], None]
    act: Callable[Concatenate[Work, str, Rest], Result]

    def check(self, work: Work, subject: str) -> None:
        """Raises NotFound or Forbidden."""
        self.require(work, work.actor, self.permission, subject)

    def __call__(self, work: Work, subject: str, *rest: Rest.args, **more: Rest.kwargs) -> Result:
        self.check(work, subject)
        return self.act(work, subject, *rest, **more)


@dataclass(frozen=True)
class Declared:
    """Makes a use case of a function."""

    permission: Permission
    require: Callable[[Session, Actor, Permission, str], None]

    def __call__(self, act: Callable[Concatenate[Work, str, Rest], Result]) -> UseCase[Rest, Result]:
        return UseCase(self.permission, self.require, act)


def about_release(permission: Permission) -> Declared:
    """Of a use case whose subject is a release, by its id."""
    return Declared(permission, lambda _, *asked: require_for_release(*asked))


def about_model(permission: Permission) -> Declared:
    """Of a use case whose subject is a model, by its name."""
    return Declared(permission, require_for_model)


def about_target(permission: Permission) -> Declared:
    """Of a use case whose subject is a target, as ``str(Target)``: of the model that was last brought there."""
    return Declared(permission, require_for_target)


def require_for_target(session: Session, actor: Actor, permission: Permission, target: str) -> None:
    """Raises NotFound or Forbidden."""
    model = model_at(session, target)
    if model is None or not actor.may(Permission.VIEW, model):
        raise no_such_target()
    if not actor.may(permission, model):
        raise forbidden(actor, permission, model)


def require_for_release(actor: Actor, permission: Permission, release_id: str) -> None:
    """Raises NotFound or Forbidden. Decided on the grants alone, and takes as long for what is not there: the id names the model."""
    model = model_of(release_id)
    if not actor.may(Permission.VIEW, model):
        raise no_such_release(release_id)
    if not actor.may(permission, model):
        raise forbidden(actor, permission, model)


def require_for_model(session: Session, actor: Actor, permission: Permission, model: str) -> None:
    """Raises NotFound or Forbidden."""
    if not actor.may(Permission.VIEW, model):
        raise no_such_model(session, model, visible=actor.models(Permission.VIEW))
    if not actor.may(permission, model):
        raise forbidden(actor, permission, model)
