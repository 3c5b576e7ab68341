"""The portal in real Chromium: what a person does, from the login to the decision."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.playing import approve, as_json
from tests.api.serving import Served
from tests.instant import InstantWorker
from tests.web.conftest import AskForRelease

playwright = pytest.importorskip("playwright.sync_api", reason="the package playwright is not installed")

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed (apt-get install chromium)")

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}

SERVES: dict[str, Any] = {
    "model_digest": f"sha256:{'3f' * 32}",
    "environment": {
        "name": "sentiment-env",
        "version": "3",
        "digest": f"sha256:{'a1' * 32}",
        "id": "azureml:sentiment-env:3",
    },
    "code_digest": f"sha256:{'c0' * 32}",
    "metrics": {"accuracy": 0.871, "f1": 0.864},
    "git_commit": "9ab34e1",
    "deployment": {"instance_type": "Standard_DS3_v2", "instance_count": 2},
}
WANTED: dict[str, Any] = SERVES | {
    "model_digest": f"sha256:{'7e' * 32}",
    "metrics": {"accuracy": 0.893, "f1": 0.881},
    "git_commit": "51c0ffe",
    "deployment": {**SERVES["deployment"], "instance_count": 3},
}


@pytest.fixture
def chromium() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser's console says: our own policy must not be in our own way."""
    return []


@pytest.fixture
def page(chromium: Any, service: Served, complaints: list[str]) -> Any:
    page = chromium.new_context(base_url=service.url, viewport=DESKTOP).new_page()
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page


@pytest.fixture
def waiting(ask_for_release: AskForRelease, worker: InstantWorker) -> str:
    """A release that would replace another one in prod, and needs one person who did not ask for it."""
    first = ask_for_release(job="careful_fox_4zk1", content=SERVES, approval="none")
    worker.complete(first, "prod")
    return ask_for_release(
        job="brave_owl_9xq2",
        content=WANTED,
        approval={"count": 1, "expires_after": "3d"},
        note="Better on long reviews.",
    )


def log_in(page: Any, service: Served, name: str) -> None:
    page.get_by_label("Token").fill(service.development_token)
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Log in").click()


def test_person_logs_in_sees_what_waits_and_approves(
    page: Any, service: Served, anna: httpx.Client, waiting: str, complaints: list[str], tmp_path: Path
) -> None:
    page.goto("/")
    playwright.expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    picture(page, tmp_path, "login")
    log_in(page, service, "boris")
    playwright.expect(page.get_by_role("heading", name="Waiting for you")).to_be_visible()
    picture(page, tmp_path, "home")

    page.get_by_role("link", name="Review").click()

    row = page.get_by_role("row", name="deployment.instance_count changed")
    playwright.expect(row.get_by_role("cell")).to_have_text(["2", "3"])
    picture(page, tmp_path, "plan")
    page.get_by_label("Comment").fill("Looks good.")
    page.get_by_role("button", name="Approve").click()
    playwright.expect(page.get_by_text("queued", exact=True)).to_be_visible()
    playwright.expect(page.get_by_text("Looks good.")).to_be_visible()
    picture(page, tmp_path, "approved")
    prod = as_json(anna.get(f"/v1/releases/{waiting}"))["rollouts"][1]
    assert (prod["status"], prod["decisions"][0]["actor"]) == ("queued", "boris")
    assert complaints == []


def test_page_of_a_release_follows_it_by_itself(
    page: Any,
    service: Served,
    waiting: str,
    worker: InstantWorker,
    anna: httpx.Client,
    complaints: list[str],
    tmp_path: Path,
) -> None:
    page.goto(f"/releases/{waiting}")
    log_in(page, service, "boris")
    playwright.expect(page.get_by_role("heading", name=waiting)).to_be_visible()
    digest = as_json(anna.get(f"/v1/releases/{waiting}/rollouts/prod/plan"))["digest"]
    anna.headers["Mlrelease-Actor"] = "zoe"

    as_json(anna.post(f"/v1/releases/{waiting}/rollouts/prod/approve", json={"plan_digest": digest}))
    playwright.expect(page.get_by_text("queued", exact=True).first).to_be_visible()
    worker.complete(waiting, "prod")

    playwright.expect(page.get_by_text("in progress", exact=True)).to_have_count(0)
    playwright.expect(page.locator(".heading .status.good").first).to_have_text("succeeded")
    picture(page, tmp_path, "release")
    assert complaints == []


def test_page_of_a_release_follows_it_without_scripts(
    chromium: Any, service: Served, waiting: str, worker: InstantWorker
) -> None:
    page = chromium.new_context(base_url=service.url, java_script_enabled=False).new_page()
    page.goto(f"/releases/{waiting}")
    log_in(page, service, "boris")
    page.get_by_text("Review the plan").click()
    page.get_by_label("Comment").fill("Without scripts.")
    page.get_by_role("button", name="Approve").click()
    playwright.expect(page.get_by_text("Without scripts.")).to_be_visible()
    page.goto(f"/releases/{waiting}")

    worker.complete(waiting, "prod")

    playwright.expect(page.locator(".heading .status.good").first).to_have_text("succeeded", timeout=20_000)


def test_person_sees_what_serves_and_what_served_before(
    page: Any, service: Served, waiting: str, worker: InstantWorker, complaints: list[str], tmp_path: Path
) -> None:
    with service.client("boris") as boris:
        assert approve(boris, waiting, "prod").is_success
    worker.complete(waiting, "prod")
    page.goto("/")
    log_in(page, service, "boris")
    page.get_by_role("link", name="What serves").click()
    playwright.expect(page.get_by_role("cell", name=waiting, exact=True).first).to_be_visible()
    picture(page, tmp_path, "targets")
    page.get_by_role("link", name="churn in prod").click()
    rows = page.locator("tbody tr")
    playwright.expect(rows).to_have_count(2)
    playwright.expect(rows.first).to_contain_text("boris")
    picture(page, tmp_path, "target")
    page.get_by_label("Reason").fill("Worse on long reviews.")
    page.get_by_role("button", name="Go back").click()
    playwright.expect(page.get_by_text("Worse on long reviews.")).to_be_visible()
    page.go_back()
    page.get_by_label("Reason").fill("Once more.")
    page.get_by_role("button", name="Go back").click()
    playwright.expect(page.get_by_role("alert")).to_contain_text("Nothing was requested.")
    assert len(complaints) == 1  # the browser's own word for what was refused


def picture(page: Any, folder: Path, name: str) -> None:
    """For people to look at: at a desk, on a phone, and there in the dark."""
    for kind, size, light in (("dark", PHONE, "dark"), ("phone", PHONE, "light"), ("desktop", DESKTOP, "light")):
        page.set_viewport_size(size)
        page.emulate_media(color_scheme=light)
        page.screenshot(path=folder / f"{name}-{kind}.png", full_page=True)
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{name} is wider than a {kind}"


def test_description_of_the_api_is_shown_and_can_be_tried_with_nobody_elses_help(
    page: Any, service: Served, complaints: list[str], tmp_path: Path
) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))

    page.goto("/docs")
    page.get_by_text("Request a release").wait_for()
    page.get_by_text("The process responds").click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    page.get_by_text('"alive"').first.wait_for()
    page.screenshot(path=tmp_path / "docs.png")

    assert complaints == []
    assert all(each.startswith((service.url, "data:")) for each in asked), asked
