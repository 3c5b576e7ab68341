from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from tests.emulator.running import RunningEmulator
from tests.processes import wait_until_ended
from tests.waiting import wait_until

from .conftest import furnish
from .rest import Rest


def test_no_positive_weight_is_404(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue")

    assert rest.score(endpoint, {}).status_code == 404
    assert rest.score(endpoint, {}, deployment="blue").status_code == 200
    assert rest.score(endpoint, {}, deployment="green").status_code == 404


def test_wrong_and_missing_keys_are_401(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue")

    assert rest.score(endpoint, {}, deployment="blue", key="wrong").text == "key_auth_access_denied"
    assert rest.http.post(f"/inference/eastus/{endpoint}/score", json={}).text == "key_auth_bad_header_forbidden"


def test_answer_names_the_deployment_and_traces_the_request(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue")
    headers = {
        "Authorization": f"Bearer {rest.key(endpoint)}",
        "azureml-model-deployment": "blue",
        "x-ms-client-request-id": "my request/1",
    }

    answer = rest.http.post(f"/inference/eastus/{endpoint}/score", json={}, headers=headers)

    assert answer.headers["azureml-model-deployment"] == "blue"
    assert answer.headers["x-ms-client-request-id"] == "myrequest1"
    assert len(answer.headers["x-request-id"]) == 36


def test_model_that_refuses_is_424_with_its_own_status(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue")

    answer = rest.score(endpoint, {"refuse": "no data"}, deployment="blue")

    assert answer.status_code == 424
    assert answer.json() == {"error": "no data"}
    assert answer.headers["ms-azureml-model-error-reason"] == "model_error"
    assert answer.headers["ms-azureml-model-error-statuscode"] == "400"


def test_exception_in_run_is_424_and_in_the_log(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue", code="slow")

    answer = rest.score(endpoint, "not a number", deployment="blue")

    assert (answer.status_code, answer.headers["ms-azureml-model-error-statuscode"]) == (424, "500")
    assert "Check the logs" in answer.json()["message"]
    assert "could not convert string to float" in rest.logs(endpoint, "blue")


def test_slow_model_is_408(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue", code="slow", requestSettings={"requestTimeout": "PT0.5S"})

    answer = rest.score(endpoint, 1.2, deployment="blue")

    assert answer.status_code == 408


def test_more_requests_than_allowed_are_429(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue", code="slow", requestSettings={"requestTimeout": "PT60S"})
    key = rest.key(endpoint)

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: rest.score(endpoint, 1.5, deployment="blue", key=key), range(5)))

    # 2 × max_concurrent_requests_per_instance × instances = 2
    assert Counter(answer.status_code for answer in answers) == {200: 2, 429: 3}
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.headers["ms-azureml-model-error-reason"] == "too_many_pending_request"


def test_traffic_is_split_by_weight(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue", code="echo")
    rest.deploy(endpoint, "green", code="other")
    rest.set_traffic(endpoint, {"blue": 75, "green": 25})
    key = rest.key(endpoint)

    words = Counter(rest.score(endpoint, {}, key=key).json()["word"] for _ in range(200))

    # Of 200 at 25%, fewer than 25 or more than 78 happens once in a hundred thousand runs.
    assert 25 <= words["other"] <= 78


def test_mirror_gets_copies_and_never_answers(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue", code="echo")
    rest.deploy(endpoint, "shadow", code="other")
    rest.set_traffic(endpoint, {"blue": 100}, {"shadow": 50})
    key = rest.key(endpoint)

    for _ in range(20):
        assert rest.score(endpoint, {}, key=key, deployment="blue").status_code == 200
    rest.score(endpoint, {}, key=key, deployment="shadow")
    assert scored(rest, endpoint, "shadow") == 1  # a request that names a deployment is not mirrored
    words = {rest.score(endpoint, {}, key=key).json()["word"] for _ in range(60)}

    assert words == {"hello"}
    # Of 60 at 50%, fewer than 13 or more than 47 happens once in a hundred thousand runs.
    wait_until(lambda: 13 < scored(rest, endpoint, "shadow") <= 48, what="mirrored requests")


def scored(rest: Rest, endpoint: str, deployment: str) -> int:
    return rest.logs(endpoint, deployment).count("POST /score")


def test_swagger_describes_the_service(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue")
    rest.set_traffic(endpoint, {"blue": 100})
    headers = {"Authorization": f"Bearer {rest.key(endpoint)}"}

    answer = rest.http.get(f"/inference/eastus/{endpoint}/swagger.json", headers=headers)

    assert "/score" in answer.json()["paths"]


def test_container_that_dies_comes_back(rest: Rest, endpoint: str) -> None:
    rest.deploy(endpoint, "blue")
    before = rest.score(endpoint, {}, deployment="blue").json()["pid"]

    died = rest.score(endpoint, "die", deployment="blue")

    assert (died.status_code, died.headers["ms-azureml-model-error-statuscode"]) == (424, "502")
    wait_until(lambda: rest.score(endpoint, {}, deployment="blue").status_code == 200, what="the container")
    assert rest.score(endpoint, {}, deployment="blue").json()["pid"] != before
    assert "Container terminated" in rest.logs(endpoint, "blue")


def test_kill_ends_the_containers_and_a_restart_brings_them_back(own_azure: RunningEmulator) -> None:
    rest = Rest(own_azure)
    furnish(rest)
    rest.create_endpoint("ep-kept")
    rest.deploy("ep-kept", "blue")
    rest.set_traffic("ep-kept", {"blue": 100})
    key = rest.key("ep-kept")
    container = rest.score("ep-kept", {}, key=key).json()["pid"]
    rest.running.delay(deployment=1.0)
    rest.put_deployment("ep-kept", "green", code="other").raise_for_status()

    own_azure.kill()

    wait_until_ended(container)
    own_azure.start()
    rest = Rest(own_azure)
    assert rest.score("ep-kept", {}, key=key).json()["word"] == "hello"
    wait_until(
        lambda: rest.deployment("ep-kept", "green")["properties"]["provisioningState"] == "Succeeded",
        what="the creation that was cut off",
    )
    assert rest.score("ep-kept", {}, key=key, deployment="green").json()["word"] == "other"
