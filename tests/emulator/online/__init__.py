"""Online endpoints, deployments and scoring, over the same requests that the SDK sends."""
