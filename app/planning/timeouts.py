"""How long a step may take, from its start to its end, before it counts as stuck. A definition may say otherwise."""

from collections.abc import Mapping

MINUTE = 60.0

# Azure takes 1–2 minutes for an endpoint, 6–8 for a deployment and up to 20 with a first image build; large models take longer.
DEFAULT_SECONDS: Mapping[str, float] = {
    "register_model": 30 * MINUTE,
    "share_model": 60 * MINUTE,
    "share_environment": 30 * MINUTE,
    "create_endpoint": 30 * MINUTE,
    "create_deployment": 90 * MINUTE,
    "verify_deployment": 15 * MINUTE,
    "shift_traffic": 30 * MINUTE,
    "publish_secrets": 10 * MINUTE,
    "retire_deployments": 60 * MINUTE,
    "confirm_serving": 30 * MINUTE,
}
