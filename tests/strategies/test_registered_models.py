"""Plans for a model that is registered already: it is found and proven, never registered again."""

from app.planning.content import RegisteredModel
from app.planning.kinds import CreateDeployment, FindModel, ShareModel
from app.planning.sources import ModelSource
from tests.planning.examples import CONTENT
from tests.strategies.content import definition, needs, plan

OF_WORKSPACE = CONTENT.model_copy(
    update={
        "source": ModelSource(uri="azureml:base:3"),
        "registered": RegisteredModel(name="base", version="3", id="/subscriptions/s/…/models/base/versions/3"),
    }
)
URI = "azureml://registries/reg-other/models/base/versions/3"
OF_REGISTRY = CONTENT.model_copy(
    update={
        "source": ModelSource(uri=URI),
        "registered": RegisteredModel(name="base", version="3", id=URI, registry="reg-other"),
    }
)


def test_model_of_the_workspace_is_found_there_and_shared() -> None:
    dev, prod = plan("dev", "prod", definition=definition(), content=OF_WORKSPACE)

    assert "register_model" not in needs(dev)
    assert needs(dev)["create_deployment"] == ("find_model", "create_endpoint")
    assert "find_model" not in needs(prod)
    assert needs(prod)["share_model"] == ("dev/find_model",)
    share = prod.step("share_model")
    assert share is not None
    assert isinstance(share.config, ShareModel)
    assert (share.config.name, share.config.model_from) == ("base", "find_model")


def test_model_of_the_workspace_goes_to_a_later_stage_alone() -> None:
    (prod,) = plan("prod", definition=definition(), content=OF_WORKSPACE)

    assert needs(prod)["share_model"] == ("find_model",)
    assert needs(prod)["create_deployment"] == ("share_model", "share_environment", "create_endpoint")


def test_model_of_a_registry_is_proven_in_each_stage_and_copied_nowhere() -> None:
    for each in plan("dev", "prod", definition=definition(), content=OF_REGISTRY):
        assert not {"register_model", "share_model"} & set(needs(each))
        find, create = each.step("find_model"), each.step("create_deployment")
        assert find is not None
        assert create is not None
        assert isinstance(find.config, FindModel)
        assert isinstance(create.config, CreateDeployment)
        assert (find.config.registry, create.config.model_from) == ("reg-other", "find_model")


def test_plan_says_what_the_content_comes_from() -> None:
    (dev,) = plan("dev", definition=definition(), content=OF_WORKSPACE)

    assert dev.model.source == ModelSource(uri="azureml:base:3")
