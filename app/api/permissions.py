"""What each route needs, declared where it is: ``who: Viewer``, or ``who: Annotated[Actor, may(cancel)]`` for what a use case needs.

A route's address names its model, or a release, whose id begins with it; so who may not do a thing is told so before the body is read.
Where the body names the model, the use case tells.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.concurrency import run_in_threadpool

from app.api.service import Api, Service, Who, actor_of_headers
from app.identity.actor import Actor, forbidden
from app.identity.roles import Permission
from app.releasing.permissions import UseCase, require_for_model, require_for_release


@dataclass(frozen=True)
class Allowed:
    """A dependency that gives the actor, if they may. Tests find it on every route but the public ones.

    ``everywhere``: for what belongs to no model, or to all.
    """

    permission: Permission
    everywhere: bool = False

    async def __call__(self, request: Request, api: Api, who: Who) -> Actor:
        """Raises NotFound for what the actor may not see, Forbidden for what they may see only."""
        release_id, model = (request.path_params.get(each) for each in ("release_id", "model"))
        if release_id is not None:
            require_for_release(who, self.permission, release_id)
        elif model is not None:
            if not who.may(self.permission, model):  # only to say so takes a look at the database
                await run_in_threadpool(
                    api.read, lambda session: require_for_model(session, who, self.permission, model)
                )
        elif not (who.may(self.permission) if self.everywhere else who.models(self.permission) != frozenset()):
            raise forbidden(who, self.permission, None)
        return who


def may(use_case: UseCase[..., Any]) -> Any:
    """The dependency of a route that carries out this use case."""
    return Depends(Allowed(use_case.permission))


async def require_still_visible(api: Service, request: Request, release_id: str) -> None:
    """For a request that has waited: who sent it may have lost their token or role meanwhile. Raises as at its beginning."""
    require_for_release(await actor_of_headers(api, request), Permission.VIEW, release_id)


Viewer = Annotated[Actor, Depends(Allowed(Permission.VIEW))]
Requester = Annotated[Actor, Depends(Allowed(Permission.REQUEST))]
LogReader = Annotated[Actor, Depends(Allowed(Permission.DIAGNOSE))]
Operator = Annotated[Actor, Depends(Allowed(Permission.OPERATE))]
Admin = Annotated[Actor, Depends(Allowed(Permission.ADMINISTER))]

# For what belongs to no model, or to all.
ViewerOfAll = Annotated[Actor, Depends(Allowed(Permission.VIEW, everywhere=True))]
AdminOfAll = Annotated[Actor, Depends(Allowed(Permission.ADMINISTER, everywhere=True))]
