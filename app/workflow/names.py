"""What the api and the workers call the same: queues and workflows. They are in the database: renaming strands work."""

ROLLOUTS = "rollouts"  # partitioned by target: one rollout at a time moves an endpoint
ERRANDS = "errands"  # preparing releases, looking at jobs: short and independent

CARRY_OUT_ROLLOUT = "carry_out_rollout"
PREPARE_RELEASE = "prepare_release"
LOOK_AT_JOB = "look_at_job"

ENGINE_NAME = "mlrelease"
ENGINE_VERSION = "1"  # of the workflows' shape; see docs/decisions: raised only when a replay would break
