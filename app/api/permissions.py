"""The permission that each route needs, declared in its signature: ``who: Approver`` requires the permission to approve the model of the address.

A route's address names its model, or a release, whose id begins with it; so whether somebody may is decided on their grants alone.
What an actor may not see is answered exactly as what is not there, and takes as long.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request

from app.api.service import Api, Service, Who, actor_of_headers
from app.definitions.queries import no_such_model
from app.identity.actor import Actor, forbidden
from app.identity.roles import Permission
from app.releases.queries import model_of, no_such_release


@dataclass(frozen=True)
class Allowed:
    """A dependency that returns the actor, if permitted. Tests check that every route except the public ones has one.

    ``everywhere``: for what belongs to no model, or to all.
    """

    permission: Permission
    everywhere: bool = False

    def __call__(self, request: Request, api: Api, who: Who) -> Actor:
        """Raises NotFound for what the actor may not see, Forbidden for what the actor may only see."""
        model = _model(request.path_params)
        if model is not None:
            _require_visible(api, who, request.path_params)
        if self.everywhere or model is not None:
            is_allowed = who.may(self.permission, model)
        else:
            is_allowed = who.models(self.permission) != frozenset()
        if not is_allowed:
            raise forbidden(who, self.permission, model)
        return who


def allowed(permission: Permission, *, everywhere: bool = False) -> Allowed:
    return Allowed(permission, everywhere)


def require(api: Service, who: Actor, permission: Permission, model: str) -> None:
    """Check the permission for a model that a body names. Raises NotFound, as for a missing model, or Forbidden."""
    if not who.may(Permission.VIEW, model):
        raise _absent_model(api, who, model)
    if not who.may(permission, model):
        raise forbidden(who, permission, model)


async def require_still_visible(api: Service, request: Request, release_id: str) -> None:
    """Check again after a wait: the caller may have lost the token or the role. Raises as at the start of the request."""
    who = await actor_of_headers(api, request)
    if not who.may(Permission.VIEW, model_of(release_id)):
        raise no_such_release(release_id)


def _model(path: Mapping[str, str]) -> str | None:
    return path.get("model") or (model_of(path["release_id"]) if "release_id" in path else None)


def _require_visible(api: Service, who: Actor, path: Mapping[str, str]) -> None:
    model = _model(path)
    if who.may(Permission.VIEW, model):
        return
    if "release_id" in path:
        raise no_such_release(path["release_id"])
    raise _absent_model(api, who, str(model))


def _absent_model(api: Service, who: Actor, model: str) -> Exception:
    return api.read(lambda session: no_such_model(session, model, visible=who.models(Permission.VIEW)))


Viewer = Annotated[Actor, Depends(allowed(Permission.VIEW))]
Requester = Annotated[Actor, Depends(allowed(Permission.REQUEST))]
Approver = Annotated[Actor, Depends(allowed(Permission.APPROVE))]
LogReader = Annotated[Actor, Depends(allowed(Permission.DIAGNOSE))]
Operator = Annotated[Actor, Depends(allowed(Permission.OPERATE))]
Admin = Annotated[Actor, Depends(allowed(Permission.ADMINISTER))]

# For what belongs to no model, or to all.
ViewerOfAll = Annotated[Actor, Depends(allowed(Permission.VIEW, everywhere=True))]
AdminOfAll = Annotated[Actor, Depends(allowed(Permission.ADMINISTER, everywhere=True))]
