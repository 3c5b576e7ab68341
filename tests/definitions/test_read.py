"""Every mistake that can be made, where it is told and what it says."""

from pathlib import Path

import pytest
import yaml

from app.definitions.read import read_archive, read_definition
from app.definitions.schema import Definition
from app.documents.yaml_lines import read_yaml
from app.errors import Invalid
from app.steps.golden import read_golden
from tests.bundles.tars import tar_of
from tests.definitions.conftest import RELEASE, change


def mistakes_in(folder: Path) -> list[str]:
    with pytest.raises(Invalid) as wrong:
        read_definition(folder)
    assert wrong.value.code == "definition_invalid"
    return [str(mistake) for mistake in wrong.value.mistakes]


def test_a_definition_is_read(folder: Path) -> None:
    definition = read_definition(folder)

    assert definition.model.name == "churn"
    assert [stage.name for stage in definition.stages] == ["dev", "prod"]
    assert [stage.approval for stage in definition.stages] == ["none", "required"]
    assert definition.stages[1].registry == "reg-shared"
    assert (definition.model.output, definition.model.path) == ("model", ".")


def test_a_definition_survives_storing(folder: Path) -> None:
    definition = read_definition(folder)

    assert Definition.model_validate(definition.model_dump(mode="json")) == definition


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("name: churn\n", "name: my churn\n", "release.yml:2: model.name: 'my churn' is not a model name: 1 to 100 letters,"),
        ("name: churn\n", "nmae: churn\n", "release.yml:2: model.nmae: is an unknown key; did you mean `name`?"),
        ("  name: churn\n", "", "release.yml:1: model.name: is missing: the model's name, here and in Azure ML"),
        ("  name: churn\n", "  name: churn\n  zzz: 1\n", "release.yml:3: model.zzz: is an unknown key; known keys: `description`"),
        ("custom_model", "custom_modle", "release.yml:3: model.type: must be 'custom_model' or 'mlflow_model', not 'custom_modle'"),
        ("file: model.pkl", "output: default", "release.yml:1: model: `output: default` also contains the job's logs: name the model's folder"),
        ("file: model.pkl", "file: ../model.pkl", "release.yml:4: model.file: '../model.pkl' is not a path inside the folder"),
        ("file: model.pkl", "file: /model.pkl", "release.yml:4: model.file: '/model.pkl' is not a path inside the folder"),
        ("file: model.pkl", "file: [a]", "release.yml:4: model.file: must be text, not a list"),
        ("@latest", "", "release.yml:5: environment: 'azureml:churn-env' is not an environment with a version or a label"),
        ("environment:", "enviroment:", "release.yml:5: enviroment: is an unknown key; did you mean `environment`?"),
        ("endpoint: endpoint.yml", "endpoint: nope.yml", "release.yml:6: endpoint: there is no file 'nope.yml' in the definition's"),
        ("golden: golden.json", "golden: nope.json", "release.yml:9: checks.golden: there is no file 'nope.json'"),
        ("checks:\n  golden: golden.json\n", "", "release.yml:1: checks: is missing"),
        ("  - name: dev\n", "  - name: Dev\n", "release.yml:11: stages[0].name: 'Dev' is not a stage name"),
        ("- name: prod", "- name: dev", "release.yml:16: stages[1].name: 'dev' is the name of an earlier stage"),
        ("workspace: ws-dev", "workspace: 7", "release.yml:12: stages[0].workspace: must be text, not 7: put it in quotes"),
        ("workspace: ws-dev", "workspace: w", "release.yml:12: stages[0].workspace: 'w' is not a workspace name"),
        ("endpoint: churn-dev", "endpoint: churn-", "release.yml:14: stages[0].endpoint: 'churn-' is not an endpoint name: 3 to 32"),
        ("endpoint: churn-dev", "endpoint: " + "c" * 33, f"release.yml:14: stages[0].endpoint: '{'c' * 33}' is not an endpoint name"),
        ("key_vault: kv-dev", "key_vault: kv--dev", "release.yml:15: stages[0].key_vault: 'kv--dev' is not a key vault name"),
        ("key_vault: kv-dev", "key_vault: " + "k" * 25, f"release.yml:15: stages[0].key_vault: '{'k' * 25}' is not a key vault name"),
        ("key_vault: kv-dev", "instance_count: '1'", "release.yml:15: stages[0].instance_count: must be a whole number, not '1'"),
        ("key_vault: kv-dev", "instance_count: 0", "release.yml:15: stages[0].instance_count: must be at least 1, not 0"),
        ("key_vault: kv-dev", "instance_count: 51", "release.yml:15: stages[0].instance_count: must be at most 50, not 51"),
        ("key_vault: kv-dev", "instance_type: big", "release.yml:15: stages[0].instance_type: 'big' is not a size of virtual"),
        ("key_vault: kv-dev", "subscription: mine", "release.yml:15: stages[0].subscription: 'mine' is not a subscription id"),
        ("    registry: reg-shared\n", "", "release.yml:16: stages[1]: `registry` is missing: the model is in the first stage"),
        ("approval: required", "approval: yes", "release.yml:22: stages[1].approval: must be 'required' or 'none', not 'yes'"),
    ],
)  # fmt: skip
def test_a_mistake_in_release_yml_is_told_with_its_line(before: str, after: str, said: str, folder: Path) -> None:
    change(folder / "release.yml", before, after)

    found = mistakes_in(folder)

    assert len(found) == 1
    assert found[0].startswith(said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "release.yml:1: is empty"),
        ("# nothing\n", "release.yml:1: is empty"),
        ("churn", "release.yml:1: must be a mapping (`key: value`), not 'churn'"),
        ("- churn", "release.yml:1: must be a mapping (`key: value`), not a list"),
        (RELEASE + "  bad: [", "release.yml:23: is not YAML: while parsing"),
        (RELEASE + "model: {}\n", "release.yml:23: model: occurs twice, first in line 1"),
        (RELEASE + "---\nmodel: {}\n", "release.yml:23: is not YAML: expected a single document"),
        (RELEASE.replace("azureml:churn-env@latest", "!env X"), "release.yml:5: environment: has an unknown tag: !env"),
        (RELEASE.replace("file: model.pkl", "file: !!binary model"), "release.yml:4: model.file: has an unknown tag"),
        (RELEASE.replace("  file: model.pkl", "  <<: model.pkl"), "release.yml:4: model.<<: must name a mapping"),
        (RELEASE.replace("  file: model.pkl", "  <<: {file: model.pkl}\n  <<: {}"), "release.yml:5: model.<<: occurs twice"),
        (RELEASE.replace("  file: model.pkl", "  ? [a, b]\n  : c"), "release.yml:4: model: has a key that is not text"),
        (RELEASE.replace("model.pkl", "\t"), "release.yml:4"),
        ("a: " + "[" * 3000, "release.yml: is nested too deeply"),
        ("a: " + "[" * 60 + "]" * 60, "release.yml: is nested more than 40 deep"),
        ("&a a: &b {b: *b}", "release.yml: is nested more than 40 deep"),
        ("a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
            f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
        ), "release.yml: is too large"),
        ("# " + "x" * 300_000, "release.yml: is larger than 262,144 bytes"),
    ],
)  # fmt: skip
def test_broken_yaml_is_told_with_its_line(text: str, said: str, folder: Path) -> None:
    (folder / "release.yml").write_text(text)

    assert mistakes_in(folder)[0].startswith(said)


def test_text_in_another_encoding_is_told(folder: Path) -> None:
    (folder / "release.yml").write_bytes(RELEASE.replace("churn\n", "chürn\n", 1).encode("latin-1"))

    assert mistakes_in(folder) == ["release.yml: is not text in UTF-8"]


def test_every_double_key_is_told(folder: Path) -> None:
    change(folder / "release.yml", "  file: model.pkl\n", "  file: model.pkl\n  file: other.pkl\n  name: churn\n")

    assert mistakes_in(folder) == [
        "release.yml:5: model.file: occurs twice, first in line 4",
        "release.yml:6: model.name: occurs twice, first in line 2",
    ]


@pytest.mark.parametrize(
    "probes",
    [
        "readiness_probe: &probe\n  period: 10\n  timeout: 5\nliveness_probe:\n  <<: *probe\n  period: 30\n",
        "readiness_probe: &probe\n  period: 10\nliveness_probe:\n  period: 30\n  <<: [*probe, {timeout: 5, period: 1}]\n",
        "liveness_probe: {<<: {<<: {timeout: 5}, period: 30}}\n",
    ],
)
def test_merge_keys_give_what_the_sdk_would_read(probes: str, folder: Path) -> None:
    file = folder / "deployment.yml"
    file.write_text(file.read_text() + probes)

    read_definition(folder)
    ours = read_yaml(file, name=file.name)
    assert ours.section("liveness_probe") == {"period": 30, "timeout": 5}
    assert ours.data == yaml.safe_load(file.read_text())


def test_a_mistake_in_what_is_merged_is_told_where_it_is_written(folder: Path) -> None:
    file = folder / "deployment.yml"
    lines = file.read_text().count("\n")
    file.write_text(file.read_text() + "readiness_probe: &probe\n  period: ten\nliveness_probe:\n  <<: *probe\n")

    assert f"deployment.yml:{lines + 2}: liveness_probe.period: must be a whole number, not 'ten'" in mistakes_in(
        folder
    )


def test_an_alias_is_understood(folder: Path) -> None:
    change(
        folder / "release.yml",
        "workspace: ws-dev\n    resource_group: rg-ml",
        "workspace: ws-dev\n    resource_group: &rg rg-ml",
    )
    change(folder / "release.yml", "workspace: ws-prod\n    resource_group: rg-ml", "workspace: ws-prod\n    resource_group: *rg")  # fmt: skip

    assert read_definition(folder).stages[1].resource_group == "rg-ml"


def test_the_same_target_twice_is_told(folder: Path) -> None:
    change(folder / "release.yml", "workspace: ws-prod", "workspace: WS-Dev")
    change(folder / "release.yml", "endpoint: churn-prod", "endpoint: Churn-Dev")

    assert mistakes_in(folder) == [
        "release.yml:20: stages[1].endpoint: 'Churn-Dev' in ws-dev is the endpoint of an earlier stage"
    ]


def test_two_stages_in_one_workspace_need_no_registry(folder: Path) -> None:
    change(folder / "release.yml", "workspace: ws-prod", "workspace: ws-dev")
    change(folder / "release.yml", "    registry: reg-shared\n", "")

    assert read_definition(folder).stages[1].registry is None


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("auth_mode: key", "auth_mode: none", "endpoint.yml:2: auth_mode: must be 'key', 'aml_token' or 'aad_token', not 'none'"),
        ("auth_mode: key", "auth_mod: key", "endpoint.yml:2: auth_mod: is an unknown key; did you mean `auth_mode`?"),
        ("auth_mode: key", "traffic: {blue: 100}", "endpoint.yml:2: traffic: is decided by the release, which moves traffic after"),
        ("auth_mode: key", "mirror_traffic: {blue: 10}", "endpoint.yml:2: mirror_traffic: is decided by the release"),
        ("auth_mode: key", "name: churn-dev", "endpoint.yml:2: name: is decided by the stage in release.yml: leave it out"),
        ("auth_mode: key", "compute: aks", "endpoint.yml:2: compute: is an unknown key"),
        ("auth_mode: key", "identity: {type: mine}", "endpoint.yml:2: identity.type: must be 'system_assigned',"),
        ("team: growth", "team: 7", "endpoint.yml:4: tags.team: must be text, not 7: put it in quotes"),
        ("team: growth", "a/b: x", "endpoint.yml:4: tags.a/b: Azure accepts no tag whose name has one of"),
        ("team: growth", "'a\\b': x", "endpoint.yml:4: tags.a\\b: Azure accepts no tag whose name has one of"),
        ("team: growth", '"a\\u0007b": x', "endpoint.yml:4: tags.a\u0007b: Azure accepts no tag whose name has one of"),
        ("team: growth", "'': x", "endpoint.yml:4: tags.: a tag must have a name"),
        ("team: growth", f"{'n' * 513}: x", f"endpoint.yml:4: tags.{'n' * 513}: Azure accepts names of at most 512 characters"),
        ("team: growth", f"team: {'v' * 257}", "endpoint.yml:4: tags.team: Azure accepts values of at most 256 characters"),
        ("team: growth", "team: a\n  Team: b", "endpoint.yml:3: tags: `team` and `Team` are the same tag in Azure"),
        ("team: growth", "\n".join(f"  t{n}: x" for n in range(41)).strip(), "endpoint.yml:3: tags: has 41 tags; at most 40"),
        ("auth_mode: key", "identity: {type: UserAssigned}", "endpoint.yml:2: identity: of type `user_assigned` needs one entry in"),
        ("auth_mode: key", "identity: {type: none, user_assigned_identities: [{resource_id: me}]}", "endpoint.yml:2: identity.user_assigned_identities[0].resource_id: 'me' is not the id of"),
        ("team: growth", "mlrelease.release: x", "endpoint.yml:4: tags.mlrelease.release: is set by the release, like every tag"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_endpoint_is_told_with_its_line(before: str, after: str, said: str, folder: Path) -> None:
    change(folder / "endpoint.yml", before, after)

    assert mistakes_in(folder)[0].startswith(said)


@pytest.mark.parametrize("name", ["Churn_Model", "7b-chat", "c", "a" * 100])
def test_a_model_may_be_called_as_azure_ml_lets_it(name: str, folder: Path) -> None:
    change(folder / "release.yml", "name: churn\n", f"name: {name}\n")

    assert read_definition(folder).model.name == name


def test_words_are_taken_as_azure_prints_them(folder: Path) -> None:
    change(
        folder / "endpoint.yml",
        "auth_mode: key",
        "auth_mode: Key\npublic_network_access: Disabled\nidentity: {type: SystemAssigned}",
    )
    change(
        folder / "deployment.yml",
        "Standard_E2s_v3",
        "STANDARD_E2S_V3\ntype: Managed\negress_public_network_access: Enabled",
    )

    read_definition(folder)


@pytest.mark.parametrize("mode", ["aad_token", "AMLToken"])
def test_keys_cannot_be_published_for_an_endpoint_with_tokens(mode: str, folder: Path) -> None:
    change(folder / "endpoint.yml", "auth_mode: key", f"auth_mode: {mode}")

    found = mistakes_in(folder)

    assert [mistake.split(": the")[0] for mistake in found] == [
        "release.yml:15: stages[0].key_vault",
        "release.yml:21: stages[1].key_vault",
    ]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("instance_type: Standard_E2s_v3\n", "", "deployment.yml:1: instance_type: is missing: the size of machine"),
        ("instance_count: 1", "instance_count: one", "deployment.yml:5: instance_count: must be a whole number, not 'one'"),
        ("instance_count: 1", "type: kubernetes", "deployment.yml:5: type: must be 'managed', not 'kubernetes'"),
        ("instance_count: 1", "model: azureml:m:1", "deployment.yml:5: model: is decided by the release: leave it out"),
        ("instance_count: 1", "environment: azureml:e:1", "deployment.yml:5: environment: is decided by `environment` in release.yml"),
        ("instance_count: 1", "endpoint_name: e", "deployment.yml:5: endpoint_name: is decided by the stage in release.yml"),
        ("instance_count: 1", "app_insights_enabled: yes", "deployment.yml:5: app_insights_enabled: must be `true` or `false`, not 'yes'"),
        ("instance_count: 1", "liveness_probe: {perod: 1}", "deployment.yml:5: liveness_probe.perod: is an unknown key; did you mean `period`?"),
        ("instance_count: 1", "instance_count: 010", "deployment.yml:5: instance_count: is a number for some YAML readers and text for others: '010'"),
        ("instance_count: 1", "environment_variables: {A: true}", "deployment.yml:5: environment_variables.A: must be text, not `true`"),
        ("instance_count: 1", "environment_variables: {A: 1_000}", "deployment.yml:5: environment_variables.A: is a number for some YAML readers"),
        ("instance_count: 1", "environment_variables: {A: .nan}", "deployment.yml:5: environment_variables.A: is a number for some YAML readers"),
        ("instance_count: 1", "data_collector: {collections: {requests: {enabled: true}}}", "deployment.yml:5: data_collector.collections.requests.enabled: must be 'true' or 'false', as text: put `true` in quotes"),
        ("instance_count: 1", "data_collector: {sampling_rate: 1}", "deployment.yml:5: data_collector.collections: is missing"),
        ("instance_count: 1", "data_collector: {collections: {requests: {enabled: 'true', data: {path: /proc/self/environ}}}}", "deployment.yml:5: data_collector.collections.requests.data.path: '/proc/self/environ' is not an address in Azure"),
        ("instance_count: 1", "data_collector: {collections: {requests: {enabled: 'true', data: {path: 'file:///etc/passwd'}}}}", "deployment.yml:5: data_collector.collections.requests.data.path: 'file:///etc/passwd' is not an address in Azure"),
        ("request_timeout_ms: 5000", "request_timeout_ms: 180001", "deployment.yml:7: request_settings.request_timeout_ms: must be at most 180000"),
        ("code: ./src", "code: ../src", "deployment.yml:2: code_configuration.code: '../src' is outside of the definition's folder"),
        ("code: ./src", "code: ./sources", "deployment.yml:2: code_configuration.code: there is no folder './sources'"),
        ("code: ./src", "code: azureml:code:1", "deployment.yml:2: code_configuration.code: must be a folder of the definition"),
        ("score.py", "main.py", "deployment.yml:3: code_configuration.scoring_script: there is no file 'main.py' in './src'"),
        ("  scoring_script: score.py\n", "", "deployment.yml:1: code_configuration.scoring_script: is missing"),
        ("code_configuration:\n  code: ./src\n  scoring_script: score.py\n", "", "deployment.yml:1: `code_configuration` is missing"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_deployment_is_told_with_its_line(before: str, after: str, said: str, folder: Path) -> None:
    change(folder / "deployment.yml", before, after)

    found = mistakes_in(folder)

    assert len(found) == 1
    assert found[0].startswith(said)


@pytest.mark.parametrize(
    ("score", "said"),
    [
        ("def init(): ...\n", "'score.py' has no `run()`, which Azure ML calls"),
        ("", "'score.py' has no `init()` and no `run()`, which Azure ML calls"),
    ],
)
def test_score_code_without_its_functions_is_told(score: str, said: str, folder: Path) -> None:
    (folder / "src" / "score.py").write_text(score)

    assert mistakes_in(folder) == [f"deployment.yml:3: code_configuration.scoring_script: {said}"]


@pytest.mark.parametrize(
    "score",
    ["from model import init, run\n", "from model import *\n", "init = run = print\n", "match = a new syntax { }\n"],
)
def test_score_code_that_cannot_be_judged_is_taken(score: str, folder: Path) -> None:
    (folder / "src" / "score.py").write_text(score)

    read_definition(folder)


def test_an_mlflow_model_needs_no_score_code(folder: Path) -> None:
    change(folder / "release.yml", "custom_model", "mlflow_model")
    change(folder / "deployment.yml", "code_configuration:\n  code: ./src\n  scoring_script: score.py\n", "")

    assert read_definition(folder).model.type == "mlflow_model"


def test_files_may_lie_in_folders_of_their_own(folder: Path) -> None:
    (folder / "azure").mkdir()
    (folder / "deployment.yml").rename(folder / "azure" / "deployment.yml")
    change(folder / "release.yml", "deployment: deployment.yml", "deployment: azure/deployment.yml")
    change(folder / "azure" / "deployment.yml", "code: ./src", "code: ../src")

    assert read_definition(folder).deployment == "azure/deployment.yml"


@pytest.mark.parametrize(
    ("golden", "said"),
    [
        ("", "golden.json:1: is not JSON: Expecting value"),
        ('[\n{"request": {},}]', "golden.json:2: is not JSON"),
        ("{}", 'golden.json:1: must be a list of {"request": {…}, "expect": {…}}'),
        ("[]", "golden.json:1: has no requests; at least one is required"),
        ('[{"request": {}, "expect": 1},\n\n 7]', 'golden.json:3: [1]: must be {"request": {…}, "expect": {…}}'),
        ('[{"request": {}}]', "golden.json:1: [0]: `expect` is missing"),
        ('[{"request": 1, "expect": 1}]', "golden.json:1: [0]: `request` must be the JSON object"),
        ('[{"request": {}, "expected": 1}]', "golden.json:1: [0]: `expected` is an unknown key; did you mean `expect`?"),
        ('[{"request": {}, "expect": NaN}]', "golden.json: is not JSON: NaN is not allowed"),
        ('[{"request": {"x": 1e400}, "expect": 1}]', "golden.json: has a number that is too large: 1e400"),
        ('[{"request": {"x": 1, "x": 2}, "expect": 1}]', "golden.json: has `x` twice in one object"),
        ("[" * 100_000, "golden.json: is nested too deeply"),
        ('[{"request": {}, "label": 1}]', "golden.json:1: [0]: `label` needs `checks.replay.accuracy` in release.yml"),
        ('[{"request": {}, "label": 1, "expect": 1}]', "golden.json:1: [0]: has `label` and `expect`"),
        ('[{"request": {}, "expect": 1, "path": "$..x"}]', "golden.json:1: [0]: `path` must be a JSON path to one value"),
        ('[{"request": {}, "expect": 1, "path": "$.x["}]', "golden.json:1: [0]: `path` must be a JSON path to one value"),
        ('[{"request": {}, "expect": 1, "tolerance": -1}]', "golden.json:1: [0]: `tolerance` must be a number, 0 or more"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_golden_requests_is_told(golden: str, said: str, folder: Path) -> None:
    (folder / "golden.json").write_text(golden)

    assert mistakes_in(folder)[0].startswith(said)


def test_files_may_begin_with_a_byte_order_mark(folder: Path) -> None:
    for name in ("release.yml", "endpoint.yml", "deployment.yml", "golden.json"):
        (folder / name).write_bytes(b"\xef\xbb\xbf" + (folder / name).read_bytes())

    read_definition(folder)
    assert [each.request for each in read_golden(folder, "golden.json")] == [{"data": [1]}]


def test_mistakes_in_all_files_are_told_at_once(folder: Path) -> None:
    change(folder / "release.yml", "name: churn\n", "name: my churn\n")
    change(folder / "release.yml", "    registry: reg-shared\n", "")
    change(folder / "endpoint.yml", "auth_mode: key", "auth_mode: none")
    change(folder / "deployment.yml", "code: ./src", "code: ./sources")
    (folder / "golden.json").write_text("[]")

    places = [mistake.split(": ")[0] for mistake in mistakes_in(folder)]

    assert places == [
        "release.yml:2",
        "release.yml:15",
        "release.yml:16",
        "release.yml:20",
        "endpoint.yml:2",
        "deployment.yml:2",
        "golden.json:1",
    ]


def test_a_single_mistake_is_in_the_sentence(folder: Path) -> None:
    change(folder / "release.yml", "environment:", "enviroment:")

    with pytest.raises(Invalid) as wrong:
        read_definition(folder)

    assert wrong.value.sentence.startswith(
        "The definition has one mistake: release.yml:5: enviroment: is an unknown key"
    )
    assert wrong.value.sentence.endswith("did you mean `environment`?")


def test_a_folder_without_a_definition_is_told(folder: Path) -> None:
    (folder / "release.yml").rename(folder / "release.yaml")

    assert mistakes_in(folder) == ["release.yml: is missing: rename release.yaml"]


def test_an_archive_is_read_as_its_folder(folder: Path) -> None:
    archive = tar_of(*((path.relative_to(folder).as_posix(), path.read_bytes()) for path in folder.rglob("*.*")))

    assert read_archive(archive) == read_definition(folder)


STAGE_ENDS = "    approval: required\n"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("deployment: 7", "release.yml:23: stages[1].deployment: must be a mapping (`key: value`), not 7"),
        ("deployment: {model: x}", "release.yml:23: stages[1].deployment.model: is decided by the release: leave it out"),
        ("deployment: {name: null}", "release.yml:23: stages[1].deployment.name: is decided by the stage's field `endpoint`"),
        ("deployment: {instance_count: 3}", "release.yml:23: stages[1].deployment.instance_count: is a field of the stage itself: write it beside"),
        ("deployment: {instance_type: Standard_DS3_v2}", "release.yml:23: stages[1].deployment.instance_type: is a field of the stage itself"),
        ("deployment: {environment: 'azureml:a:1'}", "release.yml:23: stages[1].deployment.environment: is the same in every stage: set `environment`"),
        ("deployment: {code_configuration: {code: /etc, scoring_script: x.py}}", "release.yml:23: stages[1].deployment.code_configuration: is the same in every stage"),
        ("deployment: {tags: {mlrelease.model: other}}", "release.yml:23: stages[1].deployment.tags.mlrelease.model: is set by the release"),
        ("deployment: {request_setings: {}}", "release.yml:23: stages[1].deployment.request_setings: is an unknown key; did you mean `request_settings`?"),
        ("deployment: {request_settings: {request_timeout_ms: 0}}", "release.yml:23: stages[1].deployment.request_settings.request_timeout_ms: must be at least 1, not 0"),
        ("deployment: {request_settings: [1]}", "release.yml:23: stages[1].deployment.request_settings: must be a mapping (`key: value`), not a list"),
        ("deployment: {request_settings: {request_timeout: null}}", "release.yml:23: stages[1].deployment.request_settings.request_timeout: is empty, which removes the field, and deployment.yml has none; did you mean `request_timeout_ms`?"),
        ("deployment: {environment_variables: {A: 1}}", "release.yml:23: stages[1].deployment.environment_variables.A: must be text, not 1: put it in quotes"),
        ("deployment: {data_collector: {collections: {model_inputs: {enabled: 'true', data: {path: ../../etc}}}}}", "release.yml:23: stages[1].deployment.data_collector.collections.model_inputs.data.path: '../../etc' is not an address in Azure"),
        ("after: {stage: prod, serving_for: 24h}", "release.yml:23: stages[1].after.stage: 'prod' is no earlier stage; known: dev"),
        ("after: {stage: dev, serving_for: 1 day}", "release.yml:23: stages[1].after.serving_for: '1 day' is not a length of time, such as"),
        ("after: {stage: dev}", "release.yml:23: stages[1].after.serving_for: is missing: how long the release's content"),
        ("endpoint_settings: {traffic: {a: 100}}", "release.yml:23: stages[1].endpoint_settings.traffic: is decided by the release, which moves traffic"),
        ("endpoint_settings: {mirror_traffic: null}", "release.yml:23: stages[1].endpoint_settings.mirror_traffic: is decided by the release"),
        ("endpoint_settings: {auth_mode: aad_token}", "release.yml:21: stages[1].key_vault: the endpoint has `auth_mode: aad_token` and therefore no keys to publish"),
        ("endpoint_settings: {identity: {type: user_assigned}}", "release.yml:23: stages[1].endpoint_settings.identity: of type `user_assigned` needs one entry"),
        ("endpoint_settings: {identity: {user_assigned_identities: []}}", "release.yml:23: stages[1].endpoint_settings.identity.type: is missing"),
    ],
)  # fmt: skip
def test_a_mistake_in_what_a_stage_sets_is_told_with_its_line(written: str, said: str, folder: Path) -> None:
    change(folder / "release.yml", STAGE_ENDS, f"{STAGE_ENDS}    {written}\n")

    found = mistakes_in(folder)

    assert len(found) == 1
    assert found[0].startswith(said)


def test_a_mistake_of_the_file_is_told_once_however_many_stages_set_something_else(folder: Path) -> None:
    change(folder / "release.yml", STAGE_ENDS, f"{STAGE_ENDS}    deployment: {{app_insights_enabled: true}}\n")
    change(folder / "deployment.yml", "request_timeout_ms: 5000", "request_timeout_ms: 0")

    assert [each.partition(": ")[0] for each in mistakes_in(folder)] == ["deployment.yml:7"]


def test_a_stage_may_set_any_field_otherwise_and_remove_one(folder: Path) -> None:
    settings = "{request_settings: null, environment_variables: {LEVEL: high}, app_insights_enabled: true}"
    change(
        folder / "release.yml",
        STAGE_ENDS,
        f"{STAGE_ENDS}    deployment: {settings}\n    endpoint_settings: {{public_network_access: Disabled}}\n",
    )

    dev, prod = read_definition(folder).stages

    assert (dev.deployment, dev.endpoint_settings) == ({}, {})
    assert prod.deployment == {
        "request_settings": None,
        "environment_variables": {"LEVEL": "high"},
        "app_insights_enabled": True,
    }
    assert prod.endpoint_settings == {"public_network_access": "Disabled"}
