"""How releases, rollouts and step runs are named: ``churn-7``, ``churn-7:prod``, ``churn-7:prod:create_endpoint``.

Neither a model's name nor a stage's has a colon; a step's key may have some.
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
    return row_id.split(":", 1)[0]


def stage_of(row_id: str) -> str:
    """The stage of a rollout or a step run."""
    return row_id.split(":", 2)[1]


def key_of(step_id: str) -> str:
    """A step run's key in the plan of its rollout."""
    return step_id.split(":", 2)[2]


def needed_step(need: str, *, rollout_id: str) -> str:
    """The id of the step run that a step of this rollout needs: ``<key>``, or ``<stage>/<key>`` in an earlier stage."""
    stage, _, key = need.rpartition("/")
    rollout = rollout_id_of(release_of(rollout_id), stage) if stage else rollout_id
    return step_id_of(rollout, key)


def needed_key(need: str) -> str:
    """What a step calls the output of a step that it needs."""
    return need.rpartition("/")[2]
