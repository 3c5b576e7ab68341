"""Places in Azure: the one form of a workspace, and of a rollout's target."""

from app.planning.frozen import Frozen


class Place(Frozen):
    """A workspace of Azure ML."""

    subscription: str
    resource_group: str
    workspace: str

    def __str__(self) -> str:
        return f"workspace {self.workspace}"

    @property
    def arm_id(self) -> str:
        return (
            f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
            f"/providers/Microsoft.MachineLearningServices/workspaces/{self.workspace}"
        )


class Target(Frozen):
    """An endpoint in a workspace: at most one rollout at a time moves it."""

    place: Place
    endpoint: str

    @classmethod
    def parse(cls, written: str) -> "Target":
        """Of what ``str`` gives: its names are in lower case."""
        subscription, resource_group, workspace, endpoint = written.split("/")
        return cls.named(subscription, resource_group, workspace, endpoint)

    @classmethod
    def named(cls, subscription: str, resource_group: str, workspace: str, endpoint: str) -> "Target":
        """By the four names that an address has."""
        place = Place(subscription=subscription, resource_group=resource_group, workspace=workspace)
        return cls(place=place, endpoint=endpoint)

    def __str__(self) -> str:
        """As rows and the queue name it: in lower case, since Azure takes its names in either."""
        at = self.place
        return "/".join((at.subscription, at.resource_group, at.workspace, self.endpoint)).lower()
