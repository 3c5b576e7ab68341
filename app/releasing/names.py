"""What the api and the workers call the same: queues and workflows. They are in the database: renaming strands work."""

ROLLOUTS = "rollouts"  # partitioned by target: one rollout at a time moves an endpoint
ERRANDS = "errands"  # preparing releases, dry runs, looking at jobs and at what waits: short and independent

CARRY_OUT_ROLLOUT = "carry_out_rollout"
PREPARE_RELEASE = "prepare_release"
PLAN_DRY_RUN = "plan_dry_run"
LOOK_AT_JOB = "look_at_job"
LOOK_AT_ROLLOUT = "look_at_rollout"

ENGINE_NAME = "mlrelease"
# Of what a workflow reads and leaves half-way. Raised only when another version could not go on from there: docs/decisions/0005.
ENGINE_VERSION = "1"
