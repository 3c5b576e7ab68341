"""The tags that mark what this service created in Azure."""

RELEASE_TAG = "mlrelease.release"
MODEL_TAG = "mlrelease.model"
DIGEST_TAG = "mlrelease.digest"
JOB_TAG = "mlrelease.job"
SERVED_TAG = (
    "mlrelease.served"  # of an endpoint: deployments that served, newest first; written together with the traffic
)

OWN_TAGS = "mlrelease."  # what all of them begin with
