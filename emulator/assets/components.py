"""Components: steps of pipelines, kept as the SDK wrote them."""

from emulator.assets import find
from emulator.assets.kinds import Draft, Kind, common, is_fixed
from emulator.assets.versions import Shelf
from emulator.errors import BadRequest, NotFound
from emulator.store import Document

_TYPES = ("command", "pipeline", "parallel", "import", "sweep", "automl", "spark", "data_transfer")


async def _accept(shelf: Shelf, draft: Draft) -> tuple[Document, Document]:
    sent = draft.sent
    specification = sent.get("componentSpec")
    if not isinstance(specification, dict) or not specification.get("type"):
        raise BadRequest("The componentSpec with a type is required.", code="ValidationError")
    kind = str(specification["type"]).removesuffix("_component")
    if kind not in _TYPES:
        raise BadRequest(f"The component type '{specification['type']}' is unknown.", code="ValidationError")
    if kind == "command":
        _check_command(shelf, specification)
    return {**common(sent), "componentSpec": specification}, {}


def _check_command(shelf: Shelf, specification: Document) -> None:
    if not specification.get("command"):
        raise BadRequest("A command component needs a command.", code="ValidationError")
    workspace = shelf.owner["name"] if shelf.owner_kind == "workspaces" else None
    for field, kind in (("code", "codes"), ("environment", "environments")):
        asset = specification.get(field)
        if not isinstance(asset, str) or not asset:
            continue
        try:
            find.version(shelf.azure, asset, kind=kind, workspace=workspace)
        except NotFound as missing:
            raise BadRequest(f"The component's {field} does not exist: {missing.message}", code="UserError") from None


COMPONENTS = Kind(plural="components", identity=("componentSpec",), accept=_accept, refuse_change=is_fixed)
