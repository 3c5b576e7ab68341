"""Azure's references to versions of models, environments and code."""


def same_asset(one: str | None, other: str | None) -> bool:
    """Whether two references name the same version: Azure changes their case and their prefix."""
    if one is None or other is None:
        return one == other
    return one.removeprefix("azureml:").rstrip("/").lower() == other.removeprefix("azureml:").rstrip("/").lower()


def registry_of(reference: str) -> str | None:
    """The registry that a version is in; None: it is in a workspace."""
    scheme = "azureml://registries/"
    return reference.removeprefix(scheme).split("/", 1)[0] if reference.startswith(scheme) else None
