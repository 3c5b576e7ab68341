"""How releases, rollouts and step runs are named: ``churn-7``, ``churn-7:prod``, ``churn-7:prod:shift_traffic:10``.

No other module makes or reads an id. Neither a model's name nor a stage's has a colon; a step's key may have some: so what is joined
by colons is read from the left. A release's number has no hyphen, and a model's name may have some: that is read from the right.
"""


def release_id_of(model: str, number: int) -> str:
    return f"{model}-{number}"


def model_of(release_id: str) -> str:
    """The model of a release, which its id begins with."""
    return release_id.rpartition("-")[0]


def rollout_id_of(release_id: str, stage: str) -> str:
    return f"{release_id}:{stage}"


def step_id_of(rollout_id: str, key: str) -> str:
    return f"{rollout_id}:{key}"


def release_of(row_id: str) -> str:
    """The release that a rollout or a step run belongs to."""
    return row_id.partition(":")[0]


def stage_of(row_id: str) -> str:
    """The stage of a rollout or a step run."""
    return row_id.split(":", 2)[1]


def need_in(stage: str, key: str) -> str:
    """How a step names one that it needs in an earlier stage; one of its own stage it names by the key alone."""
    return f"{stage}/{key}"


def needed_stage(need: str) -> str | None:
    """The earlier stage that a needed step is in; None: it is in the same."""
    return need.partition("/")[0] if "/" in need else None


def needed_key(need: str) -> str:
    """What a step calls the output of a step that it needs."""
    return need.rpartition("/")[2]


def needed_step(need: str, *, rollout_id: str) -> str:
    """The id of the step run that a step of this rollout needs."""
    stage = needed_stage(need)
    rollout = rollout_id if stage is None else rollout_id_of(release_of(rollout_id), stage)
    return step_id_of(rollout, needed_key(need))
