"""Why a rollout may not begin: one reason a file, each a function that looks, and moves nothing."""
