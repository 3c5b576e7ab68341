"""Jobs through the SDK: submitted from YAML, run as processes, followed, downloaded, cancelled, reused, resumed."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.emulator.conftest import GROUP, SUBSCRIPTION
from tests.emulator.jobs import error_of, finished, output_of, register_environment, run_of, steps_of, submit, until
from tests.emulator.running import RunningEmulator
from tests.processes import wait_until_ended, wait_until_written

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

W = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
    "/providers/Microsoft.MachineLearningServices/workspaces/ws-dev"
)


@pytest.fixture
def dev(ml_client: "Callable[[str], MLClient]") -> "MLClient":
    client = ml_client("ws-dev")
    register_environment(client)
    return client


DIAMOND = """
    type: pipeline
    display_name: diamond
    experiment_name: shapes
    settings: {default_compute: "azureml:cpu-cluster"}
    inputs:
      factor: 3
      numbers: {type: uri_file, path: ./numbers.txt}
    outputs:
      sum: {type: uri_folder}
    jobs:
      left: &half
        type: command
        inputs: {factor: "${{parent.inputs.factor}}", numbers: "${{parent.inputs.numbers}}"}
        component:
          type: command
          code: ./src
          environment: azureml:plain:1
          inputs: {factor: {type: number}, numbers: {type: uri_file}, side: {type: string, default: left}}
          outputs: {product: {type: uri_folder}}
          command: >-
            python multiply.py ${{inputs.numbers}} ${{inputs.factor}} ${{outputs.product}}/${{inputs.side}}.txt
      right:
        <<: *half
        inputs: {factor: 10, numbers: "${{parent.inputs.numbers}}", side: right}
      join:
        type: command
        command: >-
          cat ${{inputs.left}}/left.txt ${{inputs.right}}/right.txt > ${{outputs.sum}}/sum.txt
        environment: azureml:plain:1
        inputs:
          left: {type: uri_folder, path: "${{parent.jobs.left.outputs.product}}"}
          right: {type: uri_folder, path: "${{parent.jobs.right.outputs.product}}"}
        outputs: {sum: "${{parent.outputs.sum}}"}
"""


def write_diamond(folder: Path, *, seconds: float = 0) -> None:
    """The diamond's data and code; each half takes some seconds."""
    (folder / "src").mkdir(exist_ok=True)
    (folder / "numbers.txt").write_text("2\n5\n")
    (folder / "src" / "multiply.py").write_text(
        "import sys, time\n"
        f"time.sleep({seconds})\n"
        "numbers, factor, to = sys.argv[1:]\n"
        "products = [int(line) * int(factor) for line in open(numbers)]\n"
        "print('products', products)\n"
        "open(to, 'w').write(''.join(f'{each}\\n' for each in products))\n"
    )


def test_pipeline_runs_its_steps_and_its_output_is_what_they_wrote(dev: "MLClient", tmp_path: Path) -> None:
    write_diamond(tmp_path)
    name = submit(dev, tmp_path, DIAMOND)
    assert finished(dev, name) == "Completed", error_of(dev, name)

    assert output_of(dev, name, "sum", tmp_path / "got") == {"sum.txt": "6\n15\n20\n50\n"}
    steps = steps_of(dev, name)
    assert {step: each.status for step, each in steps.items()} == dict.fromkeys(("left", "right", "join"), "Completed")
    assert steps["left"].properties["azureml.rootpipelinerunid"] == name
    assert dev.jobs.get(steps["left"].name).display_name == "left"


def test_independent_steps_run_side_by_side(dev: "MLClient", tmp_path: Path) -> None:
    write_diamond(tmp_path, seconds=1.5)
    name = submit(dev, tmp_path, DIAMOND)
    assert finished(dev, name) == "Completed"
    steps = {step: run_of(dev, each.name) for step, each in steps_of(dev, name).items()}
    assert steps["left"].start_time_utc < steps["right"].end_time_utc
    assert steps["right"].start_time_utc < steps["left"].end_time_utc
    assert steps["join"].start_time_utc >= max(steps["left"].end_time_utc, steps["right"].end_time_utc)


def test_streamed_pipeline_shows_its_log_and_downloads_whole(
    dev: "MLClient", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_diamond(tmp_path, seconds=0.7)
    name = submit(dev, tmp_path, DIAMOND)
    dev.jobs.stream(name)
    shown = capsys.readouterr().out
    assert f"RunId: {name}" in shown
    assert "Streaming logs/azureml/executionlogs.txt" in shown
    assert "no runs left and nothing to schedule" in shown

    dev.jobs.download(name, download_path=tmp_path / "all", all=True)
    assert (tmp_path / "all/named-outputs/sum/sum.txt").exists()
    assert (tmp_path / "all/artifacts/logs/azureml/executionlogs.txt").exists()
    step = steps_of(dev, name)["left"].name
    dev.jobs.download(step, download_path=tmp_path / "step")
    assert (tmp_path / "step/artifacts/user_logs/std_log.txt").read_text() == "products [6, 15]\n"


def test_same_pipeline_again_reuses_its_steps_and_a_changed_one_runs(dev: "MLClient", tmp_path: Path) -> None:
    write_diamond(tmp_path, seconds=0.011)
    first = submit(dev, tmp_path, DIAMOND)
    assert finished(dev, first) == "Completed"

    again = submit(dev, tmp_path, DIAMOND)
    assert finished(dev, again) == "Completed"
    before, steps = steps_of(dev, first), steps_of(dev, again)
    for step, each in steps.items():
        assert each.properties["azureml.isreused"] == "true"
        assert each.properties["azureml.reusedrunid"] == before[step].name
    assert output_of(dev, again, "sum", tmp_path / "again") == {"sum.txt": "6\n15\n20\n50\n"}
    dev.jobs.download(steps["left"].name, download_path=tmp_path / "reused")
    assert (tmp_path / "reused/artifacts/user_logs/std_log.txt").exists()

    changed = submit(dev, tmp_path, DIAMOND, **{"inputs.factor": 4})
    assert finished(dev, changed) == "Completed"
    reused = {step: each.properties.get("azureml.isreused") for step, each in steps_of(dev, changed).items()}
    assert reused == {"left": None, "right": "true", "join": None}

    forced = submit(dev, tmp_path, DIAMOND, **{"settings.force_rerun": True})
    assert finished(dev, forced) == "Completed"
    assert {each.properties.get("azureml.isreused") for each in steps_of(dev, forced).values()} == {None}


COMMAND = """
    type: command
    command: python main.py ${{inputs.words}} ${{outputs.count}} $[[--upper ${{inputs.upper}}]]
    code: ./src
    environment: azureml:plain:1
    compute: azureml:cpu-cluster
    experiment_name: counting
    display_name: count
    inputs:
      words: {type: uri_file, path: ./words.txt}
    outputs:
      count: {type: uri_folder, mode: upload}
"""


def write_command(folder: Path, program: str) -> None:
    (folder / "src").mkdir(exist_ok=True)
    (folder / "words.txt").write_text("one two\n")
    (folder / "src" / "main.py").write_text(program)


def test_command_job_gets_its_inputs_and_keeps_outputs_logs_and_artifacts(dev: "MLClient", tmp_path: Path) -> None:
    program = (
        "import os, pathlib, sys\n"
        "words, count = sys.argv[1:]\n"
        "pathlib.Path(count, 'n.txt').write_text(str(len(open(words).read().split())))\n"
        "open(words, 'a').write('three')\n"
        "pathlib.Path('outputs').mkdir(exist_ok=True)\n"
        "pathlib.Path('outputs/plot.svg').write_text('<svg/>')\n"
        "print(os.environ['AZUREML_RUN_ID'], os.environ['AZURE_ML_INPUT_words'] == words)\n"
    )
    write_command(tmp_path, program)
    name = submit(dev, tmp_path, COMMAND)
    assert finished(dev, name) == "Completed", error_of(dev, name)
    assert output_of(dev, name, "count", tmp_path / "got") == {"n.txt": "2"}
    dev.jobs.download(name, download_path=tmp_path / "got")
    assert (tmp_path / "got/artifacts/user_logs/std_log.txt").read_text() == f"{name} True\n"
    assert (tmp_path / "got/artifacts/outputs/plot.svg").read_text() == "<svg/>"

    # What the job did to its input stayed with the job.
    again = submit(dev, tmp_path, COMMAND)
    assert finished(dev, again) == "Completed"
    assert output_of(dev, again, "count", tmp_path / "again") == {"n.txt": "2"}


def test_command_job_that_fails_says_why(dev: "MLClient", tmp_path: Path) -> None:
    write_command(tmp_path, "raise SystemExit('no such luck')")
    name = submit(dev, tmp_path, COMMAND)
    assert finished(dev, name) == "Failed"
    error = run_of(dev, name).error.error
    assert error.code == "UserError"
    assert "exited with status code 1" in error.message
    assert "no such luck" in error.message
    from azure.ai.ml.exceptions import JobException

    with pytest.raises(JobException, match="no such luck"):
        dev.jobs.stream(name)


def test_command_job_without_a_package_of_its_environment_fails_as_an_image_build(
    dev: "MLClient", tmp_path: Path
) -> None:
    write_command(tmp_path, "")
    (tmp_path / "conda.yml").write_text("dependencies: [python=3.12, pip, {pip: [no-such-package-at-all==1.0]}]")
    yaml = COMMAND.replace("azureml:plain:1", "{image: 'mcr.microsoft.com/azureml/base:1', conda_file: ./conda.yml}")
    name = submit(dev, tmp_path, yaml)
    assert finished(dev, name) == "Failed"
    assert run_of(dev, name).error.error.code == "ImageBuildFailure"
    assert "no-such-package-at-all" in error_of(dev, name)
    dev.jobs.download(name, download_path=tmp_path / "got")
    assert "no-such-package" in (tmp_path / "got/artifacts/azureml-logs/20_image_build_log.txt").read_text()


def test_running_job_that_is_cancelled_ends_with_its_process(
    dev: "MLClient", azure: RunningEmulator, tmp_path: Path
) -> None:
    write_command(tmp_path, "import os, time; print(os.getpid(), flush=True); time.sleep(300)")
    name = submit(dev, tmp_path, COMMAND)
    log = _log(azure, name)
    dev.jobs.begin_cancel(name).result()
    assert dev.jobs.get(name).status == "Canceled"
    wait_until_ended(int(log))
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError, match="terminal status"):
        dev.jobs.begin_cancel(name)


def test_pipeline_that_is_cancelled_ends_its_steps(dev: "MLClient", tmp_path: Path) -> None:
    write_diamond(tmp_path, seconds=300)
    name = submit(dev, tmp_path, DIAMOND)
    until(dev, name, "Running")
    while {each.status for each in steps_of(dev, name).values()} != {"Running"}:
        time.sleep(0.05)
    dev.jobs.begin_cancel(name).result()
    assert dev.jobs.get(name).status == "Canceled"
    assert {step: each.status for step, each in steps_of(dev, name).items()} == {
        "left": "Canceled",
        "right": "Canceled",
    }


def test_job_in_the_queue_can_be_cancelled(dev: "MLClient", azure: RunningEmulator, tmp_path: Path) -> None:
    azure.delay(job=60)
    write_command(tmp_path, "")
    name = submit(dev, tmp_path, COMMAND)
    dev.jobs.begin_cancel(name).result()
    assert dev.jobs.get(name).status == "Canceled"


def test_job_that_takes_longer_than_its_limit_is_cancelled(dev: "MLClient", tmp_path: Path) -> None:
    write_command(tmp_path, "import time; time.sleep(300)")
    name = submit(dev, tmp_path, COMMAND + "    limits: {timeout: 1}\n")
    assert finished(dev, name) == "Canceled"
    assert "longer than its limits" in error_of(dev, name)


def test_job_that_azure_fails_has_azures_code(dev: "MLClient", azure: RunningEmulator, tmp_path: Path) -> None:
    azure.break_operation("job", code="AmlComputeNodeFailure", message="The node went away.")
    write_command(tmp_path, "")
    name = submit(dev, tmp_path, COMMAND)
    assert finished(dev, name) == "Failed"
    error = run_of(dev, name).error.error
    assert (error.code, error.message) == ("AmlComputeNodeFailure", "The node went away.")


FAILING = """
    type: pipeline
    settings: {default_compute: "azureml:cpu-cluster", continue_on_step_failure: %s}
    jobs:
      bad: {type: command, command: "exit 7", environment: "azureml:plain:1", outputs: {o: {}}}
      after:
        type: command
        command: echo ${{inputs.i}}
        environment: azureml:plain:1
        inputs: {i: {type: uri_folder, path: "${{parent.jobs.bad.outputs.o}}"}}
      apart: {type: command, command: "sleep 3; echo %s", environment: "azureml:plain:1"}
"""


@pytest.mark.parametrize(("proceed", "apart"), [("true", "Completed"), ("false", "Canceled")])
def test_failed_step_fails_the_pipeline_and_holds_back_what_waits_for_it(
    dev: "MLClient", tmp_path: Path, proceed: str, apart: str
) -> None:
    name = submit(dev, tmp_path, FAILING % (proceed, proceed))
    assert finished(dev, name) == "Failed"
    assert "some failed steps" in error_of(dev, name)
    steps = steps_of(dev, name)
    assert {step: each.status for step, each in steps.items()} == {"bad": "Failed", "apart": apart}
    assert "status code 7" in error_of(dev, steps["bad"].name)


def test_pipeline_component_runs_inside_a_pipeline(dev: "MLClient", tmp_path: Path) -> None:
    (tmp_path / "inner.yml").write_text(
        """
type: pipeline
name: inner
inputs: {word: {type: string}, times: {type: integer, default: 2}, extra: {type: string, optional: true}}
outputs: {text: {type: uri_folder}}
jobs:
  say:
    type: command
    component:
      type: command
      command: >-
        for i in $(seq ${{inputs.times}}); do
        echo ${{inputs.word}} $[[and ${{inputs.extra}}]]; done > ${{outputs.text}}/t
      environment: azureml:plain:1
      inputs: {word: {type: string}, times: {type: integer}, extra: {type: string, optional: true}}
      outputs: {text: {type: uri_folder}}
    inputs:
      word: ${{parent.inputs.word}}
      times: ${{parent.inputs.times}}
      extra: ${{parent.inputs.extra}}
    outputs: {text: "${{parent.outputs.text}}"}
"""
    )
    yaml = """
        type: pipeline
        settings: {default_compute: "azureml:cpu-cluster"}
        inputs: {word: hello}
        outputs: {all: {type: uri_folder}}
        jobs:
          inside: {type: pipeline, component: ./inner.yml, inputs: {word: "${{parent.inputs.word}}"}}
          after:
            type: command
            command: cp ${{inputs.text}}/t ${{outputs.all}}/copy
            environment: azureml:plain:1
            inputs: {text: {type: uri_folder, path: "${{parent.jobs.inside.outputs.text}}"}}
            outputs: {all: "${{parent.outputs.all}}"}
    """
    name = submit(dev, tmp_path, yaml)
    assert finished(dev, name) == "Completed", error_of(dev, name)
    assert output_of(dev, name, "all", tmp_path / "got") == {"copy": "hello\nhello\n"}
    inside = steps_of(dev, name)["inside"]
    assert steps_of(dev, inside.name)["say"].properties["azureml.rootpipelinerunid"] == name


def test_outputs_with_names_are_registered_as_data_and_as_models(dev: "MLClient", tmp_path: Path) -> None:
    yaml = """
        type: command
        command: echo 1 > ${{outputs.table}}/t.csv; echo weights > ${{outputs.model}}/m.pkl
        environment: azureml:plain:1
        outputs:
          table: {type: uri_folder, name: table_of_job, version: "4"}
          model: {type: custom_model, name: model_of_job}
    """
    name = submit(dev, tmp_path, yaml)
    assert finished(dev, name) == "Completed", error_of(dev, name)
    assert dev.data.get("table_of_job", version="4").type == "uri_folder"
    model = dev.models.get("model_of_job", version="1")
    assert model.job_name == name
    dev.models.download("model_of_job", version="1", download_path=tmp_path)
    assert [file.read_text() for file in tmp_path.rglob("m.pkl")] == ["weights\n"]

    # Both can be inputs of another job.
    taking = """
        type: command
        command: cat ${{inputs.table}}/t.csv ${{inputs.model}}/m.pkl > ${{outputs.both}}; echo ${{inputs.there}}
        environment: azureml:plain:1
        inputs:
          table: {type: uri_folder, path: "azureml:table_of_job:4", mode: download}
          model: {type: custom_model, path: "azureml:model_of_job@latest"}
          there: {type: uri_folder, path: "azureml:table_of_job@latest", mode: direct}
        outputs: {both: {type: uri_file}}
    """
    taker = submit(dev, tmp_path, taking)
    assert finished(dev, taker) == "Completed", error_of(dev, taker)
    assert output_of(dev, taker, "both", tmp_path / "got") == {"both": "1\nweights\n"}


def test_metrics_that_a_job_logs_are_in_its_run(dev: "MLClient", azure: RunningEmulator, tmp_path: Path) -> None:
    write_command(
        tmp_path,
        """
import json, os, ssl, urllib.request

def post(path, **body):
    request = urllib.request.Request(
        os.environ["MLFLOW_TRACKING_URI"] + "/api/2.0/mlflow/" + path,
        data=json.dumps({"run_id": os.environ["MLFLOW_RUN_ID"], **body}).encode(),
        headers={"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"], "Content-Type": "application/json"},
    )
    urllib.request.urlopen(request, context=ssl.create_default_context(cafile=os.environ["REQUESTS_CA_BUNDLE"]))

post("runs/log-metric", key="loss", value=0.5, step=1, timestamp=1000)
post("runs/log-metric", key="loss", value=0.25, step=2, timestamp=2000)
post("runs/log-batch", metrics=[{"key": "Loss", "value": "NaN", "step": 0}], params=[{"key": "c", "value": "0.1"}])
post("runs/set-tag", key="stage", value="trial")
""",
    )
    name = submit(dev, tmp_path, COMMAND)
    assert finished(dev, name) == "Completed", error_of(dev, name)
    run = azure.ask("GET", f"/mlflow/v1.0{W}/api/2.0/mlflow/runs/get?run_id={name}").json()["run"]
    assert run["info"]["status"] == "FINISHED"
    assert {each["key"]: each["value"] for each in run["data"]["metrics"]} == {"loss": 0.25, "Loss": "NaN"}
    assert run["data"]["params"] == [{"key": "c", "value": "0.1"}]
    assert dev.jobs.get(name).tags["stage"] == "trial"

    ghost = azure.ask("GET", f"/mlflow/v1.0{W}/api/2.0/mlflow/runs/get?run_id=ghost")
    assert (ghost.status_code, ghost.json()["error_code"]) == (404, "RESOURCE_DOES_NOT_EXIST")

    listed = azure.ask("POST", f"/metric/v2.0{W}/runs/{name}/list", {}).json()["value"]
    assert [each["metricKey"]["name"] for each in listed] == ["loss", "Loss"]
    full = azure.ask("POST", f"/metric/v2.0{W}/runs/{name}/full", {"metricName": "loss"}).json()["value"]
    assert [(each["step"], each["data"]) for each in full] == [(1, {"loss": 0.5}), (2, {"loss": 0.25})]


def test_metrics_are_not_told_to_strangers(azure: RunningEmulator) -> None:
    assert azure.client.post(f"/metric/v2.0{W}/runs/any/list", json={}).status_code == 401
    assert azure.client.get(f"/mlflow/v1.0{W}/api/2.0/mlflow/runs/get?run_id=any").status_code == 401


def test_job_may_use_its_workspace_and_no_other(dev: "MLClient", tmp_path: Path) -> None:
    write_command(
        tmp_path,
        """
import os, ssl, urllib.error, urllib.request

for workspace in (os.environ["AZUREML_ARM_WORKSPACE_NAME"], "ws-prod"):
    scope = os.environ["AZUREML_WORKSPACE_SCOPE"].rpartition("/")[0] + "/" + workspace
    request = urllib.request.Request(
        os.environ["AZUREML_SERVICE_ENDPOINT"] + scope + "/models?api-version=2023-04-01",
        headers={"Authorization": "Bearer " + os.environ["AZUREML_RUN_TOKEN"]},
    )
    try:
        with urllib.request.urlopen(request, context=ssl.create_default_context()) as answer:
            print(workspace, answer.status)
    except urllib.error.HTTPError as refusal:
        print(workspace, refusal.code)
""",
    )
    name = submit(dev, tmp_path, COMMAND)
    assert finished(dev, name) == "Completed", error_of(dev, name)
    dev.jobs.download(name, download_path=tmp_path / "got")
    assert (tmp_path / "got/artifacts/user_logs/std_log.txt").read_text() == "ws-dev 200\nws-prod 403\n"


def test_labels_of_a_job_can_be_changed_and_jobs_listed_by_them(dev: "MLClient", tmp_path: Path) -> None:
    write_command(tmp_path, "")
    name = submit(dev, tmp_path, COMMAND + "    tags: {kind: first}\n")
    assert finished(dev, name) == "Completed"
    changed = dev.jobs.update(name, display_name="renamed", tags={"more": "yes"})
    assert (changed.display_name, changed.tags) == ("renamed", {"kind": "first", "more": "yes"})

    def listed(view: str) -> bool:
        return name in {job.name for job in dev.jobs.list(list_view_type=view)}

    dev.jobs.archive(name)
    assert (listed("ActiveOnly"), listed("ArchivedOnly"), listed("All")) == (False, True, True)
    dev.jobs.restore(name)
    assert (listed("ActiveOnly"), listed("ArchivedOnly")) == (True, False)
    dev.jobs.begin_delete(name).result()
    assert not listed("All")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"environmentId": "azureml:ghost:1"}, "Could not find asset"),
        ({"computeId": f"{W}/computes/ghost"}, "Unable to find compute target 'ghost'"),
        ({"jobType": "Sweep"}, "not emulated"),
        ({"inputs": ["x"]}, "properties.inputs must be an object"),
        ({"outputs": {"x": "y"}}, "properties.outputs.x must be an object"),
        ({"command": 7}, "properties.command must be a string"),
        ({"inputs": {"x": {"jobInputType": "uri_file", "uri": "azureml:ghost:1"}}}, "Could not find asset"),
    ],
)
def test_job_that_cannot_run_is_refused_and_not_written(
    azure: RunningEmulator, change: dict[str, object], sentence: str
) -> None:
    properties = {"jobType": "Command", "command": "true", "environmentId": "azureml:plain:1", **change}
    url = f"{W}/jobs/refused?api-version=2024-01-01-preview"
    answer = azure.ask("PUT", url, {"properties": properties})
    assert answer.status_code in (400, 404)
    assert sentence in answer.json()["error"]["message"]
    assert azure.ask("GET", url).status_code == 404


@pytest.mark.usefixtures("dev")
def test_job_with_the_name_of_another_is_refused_and_the_same_again_is_not(azure: RunningEmulator) -> None:
    url = f"{W}/jobs/named-once?api-version=2025-01-01-preview"
    properties = {"jobType": "Command", "command": "true", "environmentId": "azureml:plain:1"}
    assert azure.ask("PUT", url, {"properties": properties}).status_code == 201
    same = azure.ask("PUT", url, {"properties": {**properties, "tags": {"a": "b"}}})
    assert (same.status_code, same.json()["properties"]["tags"]) == (200, {"a": "b"})
    other = azure.ask("PUT", url, {"properties": {**properties, "command": "false"}})
    assert other.status_code == 400
    assert "A job with this name already exists" in other.json()["error"]["message"]


def test_pipeline_interrupted_by_a_kill_goes_on_where_it_was(own_azure: RunningEmulator, tmp_path: Path) -> None:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    client = MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, "ws-dev", show_progress=False)
    register_environment(client)
    gate = tmp_path / "gate"
    yaml = f"""
        type: pipeline
        settings: {{default_compute: "azureml:cpu-cluster"}}
        outputs: {{end: {{type: uri_folder}}}}
        jobs:
          first: {{type: command, command: "date +%s%N > ${{{{outputs.o}}}}/when", environment: "azureml:plain:1", outputs: {{o: {{}}}}}}
          second:
            type: command
            command: >-
              echo $$ >> {gate}.pids; echo left over > ${{{{outputs.end}}}}/half;
              while ! test -e {gate}; do sleep 0.05; done;
              rm -f ${{{{outputs.end}}}}/half; cp ${{{{inputs.o}}}}/when ${{{{outputs.end}}}}/when
            environment: azureml:plain:1
            inputs: {{o: {{type: uri_folder, path: "${{{{parent.jobs.first.outputs.o}}}}"}}}}
            outputs: {{end: "${{{{parent.outputs.end}}}}"}}
    """
    name = submit(client, tmp_path, yaml)
    pids = wait_until_written(Path(f"{gate}.pids")).split()
    before = {step: run_of(client, each.name) for step, each in steps_of(client, name).items()}
    assert before["first"].status == "Completed"

    own_azure.kill()
    wait_until_ended(int(pids[0]))
    port = int(own_azure.base_url.rpartition(":")[2])
    gate.touch()
    own_azure.start(port=port)

    assert finished(client, name) == "Completed", error_of(client, name)
    after = {step: run_of(client, each.name) for step, each in steps_of(client, name).items()}
    assert after["first"].end_time_utc == before["first"].end_time_utc
    assert after["second"].run_id == before["second"].run_id
    assert set(output_of(client, name, "end", tmp_path / "got")) == {"when"}


def test_emulator_that_is_stopped_ends_its_jobs_and_runs_them_again(own_azure: RunningEmulator, tmp_path: Path) -> None:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

    client = MLClient(DefaultAzureCredential(), SUBSCRIPTION, GROUP, "ws-dev", show_progress=False)
    register_environment(client)
    gate = tmp_path / "gate"
    command = f"echo $$ >> {gate}.pids; while ! test -e {gate}; do sleep 0.05; done"
    name = submit(client, tmp_path, f"type: command\ncommand: '{command}'\nenvironment: azureml:plain:1\n")
    pids = wait_until_written(Path(f"{gate}.pids")).split()
    port = int(own_azure.base_url.rpartition(":")[2])
    own_azure.stop()
    wait_until_ended(int(pids[0]))
    gate.touch()
    own_azure.start(port=port)
    assert finished(client, name) == "Completed", error_of(client, name)


def _log(azure: RunningEmulator, name: str, *, within: float = 30) -> str:
    """The first line in a job's log, as soon as it is there."""
    end = time.monotonic() + within
    while time.monotonic() < end:
        for file in azure.data.glob(f"blobs/*/*/ExperimentRun/dcid.{name}/user_logs/std_log.txt"):
            if (text := file.read_text()).endswith("\n"):
                return text.splitlines()[0]
        time.sleep(0.05)
    raise AssertionError(f"job {name} logs nothing")


@pytest.mark.parametrize(
    ("kind", "word"),
    [("custom_model", "CustomModel"), ("mlflow_model", "MLFlowModel"), ("triton_model", "TritonModel")],
)
def test_the_run_history_has_its_own_words_for_models(
    dev: "MLClient", azure: RunningEmulator, tmp_path: Path, kind: str, word: str
) -> None:
    yaml = f"""
        type: command
        command: echo weights > ${{{{outputs.model}}}}/weights.bin
        environment: azureml:plain:1
        compute: azureml:cpu-cluster
        outputs:
          model: {{type: {kind}}}
    """
    name = submit(dev, tmp_path, yaml)
    assert finished(dev, name) == "Completed"

    assert dev.jobs.get(name).outputs["model"].type == kind
    written = run_of(dev, name).outputs["model"]
    assert written.type == word
    asked = azure.ask("POST", f"/modelregistry/v1.0{W}/models/batchGetResolvedUris", {"values": [written.asset_id]})
    assert asked.json()["values"][written.asset_id]["path"].endswith(f"/azureml/{name}/model/")


def test_models_are_registered_from_a_jobs_output_and_from_its_own_folder(dev: "MLClient", tmp_path: Path) -> None:
    from azure.ai.ml.entities import Model

    yaml = """
        type: command
        command: >-
          echo a > ${{outputs.model}}/model.pkl && echo b > outputs/model.pkl && echo c > logs/train.log
        environment: azureml:plain:1
        compute: azureml:cpu-cluster
        outputs:
          model: {type: uri_folder}
    """
    name = submit(dev, tmp_path, yaml)
    assert finished(dev, name) == "Completed", error_of(dev, name)

    for number, (path, text) in enumerate(
        [
            ("outputs/model/model.pkl", "a\n"),
            ("outputs/model/paths/model.pkl", "a\n"),
            ("outputs/artifacts/outputs/model.pkl", "b\n"),
            ("outputs/artifacts/paths/outputs/model.pkl", "b\n"),
            ("outputs/artifacts/paths/logs/train.log", "c\n"),
        ]
    ):
        model = Model(
            name=f"from-{name}", version=str(number), path=f"azureml://jobs/{name}/{path}", type="custom_model"
        )
        dev.models.create_or_update(model)
        dev.models.download(f"from-{name}", str(number), download_path=tmp_path / str(number))
        assert [each.read_text() for each in (tmp_path / str(number)).rglob("*") if each.is_file()] == [text]


@pytest.mark.parametrize(
    "change",
    [
        "identity: {type: user_identity}",
        "resources: {instance_count: 2}",
        "resources: {docker_args: --gpus all}",
        "services: {door: {type: ssh}}",
    ],
)
def test_what_a_job_would_not_get_is_refused(dev: "MLClient", tmp_path: Path, change: str) -> None:
    yaml = f"""
        type: command
        command: "true"
        environment: azureml:plain:1
        compute: azureml:cpu-cluster
        {change}
    """
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError, match="not emulated"):
        submit(dev, tmp_path, yaml)


def test_the_studio_link_leads_to_the_jobs_facts_and_log(
    dev: "MLClient", azure: RunningEmulator, tmp_path: Path
) -> None:
    yaml = """
        type: command
        command: echo '<b>bold</b>' && exit 3
        environment: azureml:plain:1
        compute: azureml:cpu-cluster
        tags: {team: <i>a</i>}
    """
    name = submit(dev, tmp_path, yaml)
    assert finished(dev, name) == "Failed"
    link = dev.jobs.get(name).studio_url

    page = azure.client.get(link)

    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    for text in (name, "Failed", "exited with status code 3", "&lt;b&gt;bold&lt;/b&gt;", "team=&lt;i&gt;a&lt;/i&gt;"):
        assert text in page.text
    assert "<b>" not in page.text
    assert azure.client.get(link.replace("&sig=", "&sig=0")).status_code == 403
    assert azure.client.get(link.split("&sig=")[0]).status_code == 403
