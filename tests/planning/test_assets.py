"""Whether two references are of one version, however Azure writes them."""

from app.planning.assets import same_asset

ARM = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/models/churn/versions/3"
)


def test_same_asset_in_another_spelling() -> None:
    assert same_asset(f"azureml:{ARM}", ARM.lower())
    assert not same_asset(ARM, ARM.replace("versions/3", "versions/4"))
    assert same_asset(None, None)
    assert not same_asset(None, ARM)
