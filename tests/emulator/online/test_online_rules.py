import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.errors import BadRequest
from emulator.online import durations, metrics, rules, sizes
from emulator.online.refusals import Invalid, NoQuota

BOTH = {"blue": True, "green": True}


def refused(traffic: dict[str, int], mirror: dict[str, int] | None = None, **more: object) -> str:
    deployments = more.get("deployments", BOTH)
    before = more.get("before", {})
    with pytest.raises(Invalid) as caught:
        rules.check_traffic(traffic, mirror or {}, deployments=deployments, before=before)  # type: ignore[arg-type]
    return caught.value.message


@pytest.mark.parametrize("traffic", [{}, {"blue": 0}, {"blue": 100}, {"blue": 30, "green": 70}, {"BLUE": 100}])
def test_traffic_of_0_or_100_is_allowed(traffic: dict[str, int]) -> None:
    rules.check_traffic(traffic, {}, deployments=BOTH, before={})


@given(st.integers(0, 100), st.integers(0, 100))
def test_traffic_of_any_other_sum_is_refused(one: int, other: int) -> None:
    traffic = {"blue": one, "green": other}
    if one + other in (0, 100):
        rules.check_traffic(traffic, {}, deployments=BOTH, before={})
    else:
        assert f"add up to {one + other}" in refused(traffic)


def test_traffic_of_an_unknown_deployment_is_refused_even_at_0() -> None:
    assert "'red'" in refused({"red": 0})


def test_mirror_is_for_one_deployment_of_at_most_50_percent_without_live_traffic() -> None:
    rules.check_traffic({"blue": 100}, {"green": 50}, deployments=BOTH, before={})
    assert "50 percent" in refused({"blue": 100}, {"green": 51})
    assert "not both" in refused({"blue": 100}, {"blue": 10})
    assert "one deployment" in refused({}, {"blue": 10, "green": 10})


def test_deployment_that_cannot_serve_gets_no_more_than_it_has() -> None:
    broken = {"blue": True, "green": False}
    assert "cannot take traffic" in refused({"green": 100}, deployments=broken)
    rules.check_traffic({"blue": 50, "green": 50}, {}, deployments=broken, before={"green": 50, "blue": 50})


@pytest.mark.parametrize("percent", [-1, 101, 1.5, "50", True, None])
def test_percentage_that_is_no_whole_number_is_refused(percent: object) -> None:
    with pytest.raises(Invalid):
        rules.weights({"blue": percent}, field="traffic")


@pytest.mark.parametrize("name", ["abc", "a-1", "A" * 32])
def test_good_names_pass(name: str) -> None:
    rules.check_name(name, what="endpoint")


@pytest.mark.parametrize("name", ["ab", "a" * 33, "-ab", "1ab", "ab-", "a b", "ab\n"])
def test_bad_names_are_refused(name: str) -> None:
    with pytest.raises(BadRequest):
        rules.check_name(name, what="endpoint")


@pytest.mark.parametrize(("instances", "cores"), [(1, 4), (2, 6), (5, 12), (6, 16), (10, 24)])
def test_cores_include_the_upgrade_reserve(instances: int, cores: int) -> None:
    assert sizes.cores_needed("Standard_E2s_v3", instances=instances) == cores


def test_cores_of_an_exempt_size_do_not() -> None:
    assert sizes.cores_needed("STANDARD_NC24ADS_A100_V4", instances=2) == 48


def test_quota_is_refused_one_core_short() -> None:
    sizes.check_quota("Standard_E2s_v3", instances=1, used=6, limit=10, subscription="s")
    with pytest.raises(NoQuota, match=r"Current usage/limit: 7/10\. Additional needed: 4"):
        sizes.check_quota("Standard_E2s_v3", instances=1, used=7, limit=10, subscription="s")


def test_gpu_quota_is_zero_until_asked_for() -> None:
    assert sizes.default_quota("standardNCADSA100v4Family") == 0
    assert sizes.default_quota("standardESv3Family") == sizes.DEFAULT_CORES


@pytest.mark.parametrize(
    ("text", "seconds"), [("PT5S", 5), ("PT1M30S", 90), ("PT0.5S", 0.5), ("P1DT1H", 90000), ("PT3M", 180)]
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert durations.seconds(text, field="x") == seconds


@pytest.mark.parametrize("text", ["", "5", "PT", "P", "5S", "PT-5S", "PT5X"])
def test_texts_that_are_no_duration_are_refused(text: str) -> None:
    with pytest.raises(Invalid):
        durations.seconds(text, field="x")


def test_request_settings_fill_in_what_is_missing() -> None:
    settings = rules.request_settings({"requestTimeout": "PT90S", "maxQueueWait": None})

    assert settings == {"maxQueueWait": "PT0S", "requestTimeout": "PT90S", "maxConcurrentRequestsPerInstance": 1}
    assert rules.concurrency(settings, instances=3) == 6


def test_liveness_success_threshold_is_fixed() -> None:
    rules.probe({"successThreshold": 2}, field="readinessProbe")
    with pytest.raises(Invalid):
        rules.probe({"successThreshold": 2}, field="livenessProbe")


@given(st.lists(st.floats(0.1, 60_000), min_size=1, max_size=200), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_percentiles_are_within_the_bins_width(latencies: list[float], share: float) -> None:
    bins = metrics.binned(latencies)
    exact = sorted(latencies)[max(0, -(-len(latencies) * round(share * 100) // 100) - 1)]

    found = metrics.percentile(bins, share)

    assert found is not None
    assert abs(found - exact) <= exact * 0.06
