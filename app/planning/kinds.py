"""The kinds of steps: for each what it is told, what it is for, how long it may take and how often it is tried.

The one place where a kind is entered, beside ``steps/<kind>.py``, which carries it out. The time limits that a definition may set, the
published schema and the reading of plans follow from what stands here.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from app.planning.analysis import AnalysisRules
from app.planning.budget import Budget
from app.planning.drift import Difference
from app.planning.frozen import Frozen
from app.planning.observed import DeploymentFacts, Observed
from app.planning.places import Place
from app.planning.replay import ReplayRules


class SignatureCheck(Frozen):
    """A model's signature: a file in its folder, of a key in the bundle's file ``public_key``."""

    public_key: str
    file: str


class StepConfig(Frozen):
    """What a step is told. Every kind has one of its own, and says ``kind``, ``goal`` and ``minutes``."""

    kind: ClassVar[str]
    goal: ClassVar[str]  # what is true once it is done: completes "Until …"
    minutes: ClassVar[float | None]  # from its start to its end, before it counts as stuck; None: its plan says
    budget: ClassVar[Budget | None] = None  # None: the worker's own


class RegisterModel(StepConfig):
    """``uri`` is the job's output; ``digest`` is over its content."""

    kind = "register_model"
    goal = "the model is registered"
    minutes = 30

    workspace: Place
    name: str
    type: str
    description: str | None = None
    uri: str
    digest: str
    tags: Mapping[str, str]
    properties: Mapping[str, str] = {}


class FindModel(StepConfig):
    """A version that is registered already: in the workspace, or in the registry. ``digest`` is over its content."""

    kind = "find_model"
    goal = "the registered model is found as it was planned"
    minutes = 30

    workspace: Place
    registry: str | None = None
    name: str
    version: str
    digest: str


class ShareModel(StepConfig):
    """``workspace`` is where the model is registered. Its version comes from the step ``model_from``, which registered or found it."""

    kind = "share_model"
    goal = "the model is in the registry"
    minutes = 60

    workspace: Place
    registry: str
    name: str
    digest: str
    model_from: str = RegisterModel.kind


class ShareEnvironment(StepConfig):
    """``digest`` is over image and packages. ``id``: where the environment is, when that may be a registry already."""

    kind = "share_environment"
    goal = "the environment is in the registry"
    minutes = 30

    workspace: Place
    registry: str
    name: str
    version: str
    digest: str
    id: str | None = None


class CreateEndpoint(StepConfig):
    """``file`` is the endpoint's YAML in the bundle; the name comes from the stage. ``settings_of``: the stage in ``release.yml`` that
    sets some of it otherwise; the values stay in the bundle."""

    kind = "create_endpoint"
    goal = "the endpoint is made"
    minutes = 30  # Azure takes one or two

    workspace: Place
    endpoint: str
    file: str
    settings_of: str | None = None
    tags: Mapping[str, str]


class CreateDeployment(StepConfig):
    """``model_from`` and ``environment_from`` name the steps that brought them; else ``environment_id`` is it.

    ``environment_digest`` is over image and packages. ``settings_of`` as for the endpoint.
    """

    kind = "create_deployment"
    goal = "the deployment is made; a first image build alone takes up to 20 minutes"
    minutes = 90  # Azure takes 6–8, with the image build up to 30; large models take longer

    workspace: Place
    endpoint: str
    deployment: str
    file: str
    settings_of: str | None = None
    instance_type: str | None = None
    instance_count: int | None = None
    model_from: str
    environment_from: str | None = None
    environment_id: str | None = None
    environment_digest: str | None = None
    digest: str
    signature: SignatureCheck | None = None
    tags: Mapping[str, str]


class ReuseDeployment(StepConfig):
    """A deployment that is there already, as it is on record.

    ``owner`` is the model that the endpoint serves. ``digest`` None: nobody knows the content of what others made. ``instances``: how
    many machines at least; None: as many as there are.
    """

    kind = "reuse_deployment"
    goal = "the earlier deployment was found as it is on record"
    minutes = 30

    workspace: Place
    endpoint: str
    deployment: str
    owner: str
    recorded: DeploymentFacts
    digest: str | None
    instances: int | None = None


class VerifyDeployment(StepConfig):
    """``golden``: a file in the bundle, or the requests themselves; None: nothing is asked. ``digest`` None: it is not known."""

    kind = "verify_deployment"
    goal = "every golden request was answered"
    minutes = 15

    workspace: Place
    endpoint: str
    deployment: str
    golden: str | list[Any] | None = None
    replay: ReplayRules | None = None  # None: every answer must be the one expected, and labels are not asked for
    digest: str | None


class FindBaseline(StepConfig):
    """What serves beside ``deployment``, which is new: it is compared with that, and goes back to it."""

    kind = "find_baseline"
    goal = "it was read back what serves"
    minutes = 30

    workspace: Place
    endpoint: str
    deployment: str


class ShiftTraffic(StepConfig):
    """Which deployment shall serve, and its share in percent.

    ``made_by``: the step whose output says how the deployment was. ``baseline_from``: the step that found what the others' shares are
    made of; None: there is no other share. ``previous``: the share that this rollout has set before.
    """

    kind = "shift_traffic"
    goal = "the traffic has moved"
    minutes = 30

    workspace: Place
    endpoint: str
    deployment: str
    made_by: str = CreateDeployment.kind
    percent: int = 100
    previous: int = 0
    baseline_from: str | None = None


class MirrorTraffic(StepConfig):
    """Which deployment gets copies of requests, and of what share of them in percent. ``made_by`` as for ``ShiftTraffic``."""

    kind = "mirror_traffic"
    goal = "the requests are mirrored"
    minutes = 30

    workspace: Place
    endpoint: str
    deployment: str
    made_by: str = CreateDeployment.kind
    percent: int
    baseline_from: str


class Analyse(StepConfig):
    """A deployment with this share in percent is compared with the baseline, from the step's first start on.

    ``made_by`` as for ``ShiftTraffic``. ``mirrored``: it has copies of requests. ``earlier``: the analyses of the same rollout's smaller
    shares. ``golden``: as for ``verify_deployment``, sent as probes where nobody asks.
    """

    kind = "analyse"
    goal = "the new deployment was compared with what serves"
    minutes = None  # as long as it bakes, and as people may take to answer

    workspace: Place
    endpoint: str
    deployment: str
    made_by: str = CreateDeployment.kind
    share: int
    mirrored: bool = False
    baseline_from: str
    earlier: tuple[str, ...] = ()
    bake_seconds: float
    rules: AnalysisRules
    golden: str | list[Any] | None = None


class RestoreTraffic(StepConfig):
    """Which deployment shall have no share any more; the others have theirs again, as the step ``baseline_from`` found them."""

    kind = "restore_traffic"
    goal = "the traffic has gone back to what served before"
    minutes = 30

    workspace: Place
    endpoint: str
    deployment: str
    baseline_from: str


class PublishSecrets(StepConfig):
    """``key_vault`` is the vault's name."""

    kind = "publish_secrets"
    goal = "the secrets are in the Key Vault"
    minutes = 10

    workspace: Place
    endpoint: str
    key_vault: str


class RetireDeployments(StepConfig):
    """``deployment`` is this release's; ``keep``: how many former ones stay."""

    kind = "retire_deployments"
    goal = "former deployments are deleted"
    minutes = 60

    workspace: Place
    endpoint: str
    deployment: str
    model: str
    keep: int = 1


class ConfirmServing(StepConfig):
    """``made_by`` as for ``ShiftTraffic``. ``key_vault``: where secrets were published, if anywhere."""

    kind = "confirm_serving"
    goal = "it was read back that the new deployment serves"
    minutes = 30

    workspace: Place
    endpoint: str
    deployment: str
    made_by: str = CreateDeployment.kind
    key_vault: str | None = None


class AdoptTarget(StepConfig):
    """``found``: all that was there when the plan was made. ``gone``: names on record of what is there no more.

    ``differences``: in what it differs from what was on record, if anything was.
    """

    kind = "adopt_target"
    goal = "the endpoint is adopted"
    minutes = 30

    workspace: Place
    endpoint: str
    model: str
    found: Observed
    gone: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()


# In the order in which they stand above.
KINDS: dict[str, type[StepConfig]] = {each.kind: each for each in StepConfig.__subclasses__()}
