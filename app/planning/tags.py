"""The tags that mark what this service created in Azure."""

RELEASE_TAG = "mlrelease.release"
MODEL_TAG = "mlrelease.model"
DIGEST_TAG = "mlrelease.digest"
JOB_TAG = "mlrelease.job"
