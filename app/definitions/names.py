"""The names that Azure accepts, checked before Azure does.

Sources: "Naming rules and restrictions for Azure resources" and the patterns of Azure ML's REST specification.
"""

from typing import Annotated

from pydantic import Field, StrictInt

from app.documents.named import Named

MOST_INSTANCES = 50

ModelName = Annotated[
    str,
    Named(
        r"^[A-Za-z0-9][A-Za-z0-9_-]{0,99}$",  # Azure ML's own, which takes 255 characters
        "a model name: 1 to 100 letters, digits, hyphens and underscores, a letter or digit first",
    ),
]
JobName = Annotated[
    str,
    Named(
        r"^[A-Za-z0-9][A-Za-z0-9_-]{0,254}$",
        "a job's name: 1 to 255 letters, digits, hyphens and underscores, no spaces, a letter or digit first",
    ),
]
StageName = Annotated[
    str,
    Named(
        r"^[a-z][a-z0-9-]{0,19}$",
        "a stage name: 1 to 20 lower-case letters, digits and hyphens, a letter first",
    ),
]
OutputName = Annotated[str, Named(r"^[A-Za-z_][A-Za-z0-9_]*$", "an output's name: letters, digits and underscores")]
InnerPath = Annotated[
    str,
    Named(
        r"^(?!/)(?!.*(^|/)\.\.(/|$))[^\\]+$",
        "a path inside the folder: relative, with forward slashes, without `..`",
    ),
]
OuterPath = Annotated[
    str, Named(r"^(\.|\.\.(/\.\.){0,9})$", "a folder around this one: `..`, `../..` and so on, or `.` for this one")
]
EnvironmentReference = Annotated[
    str,
    Named(
        r"^azureml:([A-Za-z0-9][A-Za-z0-9_.-]{0,254}[:@]"
        r"|//registries/[A-Za-z0-9][A-Za-z0-9_-]{2,32}/environments/[A-Za-z0-9][A-Za-z0-9_.-]{0,254}/(versions|labels)/)"
        r"[A-Za-z0-9][A-Za-z0-9_.-]*$",
        "an environment with a version or a label: `azureml:NAME:VERSION`, `azureml:NAME@latest`, or of a registry "
        "`azureml://registries/REGISTRY/environments/NAME/versions/VERSION` or `…/labels/latest`",
    ),
]
WorkspaceName = Annotated[
    str,
    Named(
        r"^[A-Za-z0-9][A-Za-z0-9_-]{2,32}$",
        "a workspace name: 3 to 33 letters, digits, hyphens and underscores",
    ),
]
RegistryName = Annotated[
    str,
    Named(
        r"^[A-Za-z0-9][A-Za-z0-9_-]{2,32}$",
        "a registry name: 3 to 33 letters, digits, hyphens and underscores",
    ),
]
ResourceGroupName = Annotated[
    str,
    Named(
        r"^[A-Za-z0-9_.()-]{0,89}[A-Za-z0-9_()-]$",
        "a resource group name: at most 90 letters, digits, `_`, `-`, `.`, `(` and `)`, no dot at the end",
    ),
]
SubscriptionId = Annotated[
    str,
    Named(
        r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        "a subscription id: 8-4-4-4-12 hexadecimal digits",
    ),
]
EndpointName = Annotated[
    str,
    Named(
        r"^[A-Za-z][A-Za-z0-9-]{1,30}[A-Za-z0-9]$",
        "an endpoint name: 3 to 32 letters, digits and hyphens, a letter first, no hyphen at the end",
    ),
]
KeyVaultName = Annotated[
    str,
    Named(
        r"^(?=.{3,24}$)[A-Za-z](-?[A-Za-z0-9])+$",
        "a key vault name: 3 to 24 letters, digits and single hyphens, a letter first, no hyphen at the end",
    ),
]
InstanceType = Annotated[
    str,
    Named(r"^[Ss][Tt][Aa][Nn][Dd][Aa][Rr][Dd]_[A-Za-z0-9_-]+$", "a size of virtual machine, such as `Standard_E2s_v3`"),
]
InstanceCount = Annotated[StrictInt, Field(ge=1, le=MOST_INSTANCES)]
