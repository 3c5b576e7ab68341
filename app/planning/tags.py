"""The tags by which this service knows what it made in Azure."""

RELEASE_TAG = "mlrelease.release"
MODEL_TAG = "mlrelease.model"
DIGEST_TAG = "mlrelease.digest"
JOB_TAG = "mlrelease.job"
