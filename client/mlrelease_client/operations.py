"""Generated from the OpenAPI document by client/generate.py: change it there."""

from abc import abstractmethod
from datetime import datetime
from typing import Any, TypeVar

from mlrelease_client.calls import Call, keyed, path_of
from mlrelease_client.models import (
    BundleView,
    DeliveryPage,
    DeliveryStatusWord,
    DeliveryView,
    DriftView,
    DryRunView,
    EnvelopeView,
    EventPage,
    EvidenceList,
    EvidenceView,
    FreezePage,
    FreezeView,
    GitFacts,
    GrantBody,
    Health,
    IdleReport,
    JobPage,
    JobView,
    ModelDetail,
    ModelPage,
    ModelView,
    NewTokenView,
    PlanView,
    PublicKeyList,
    Redelivered,
    ReleaseDetail,
    ReleasePage,
    ReportList,
    ServedPage,
    StatusWord,
    TargetDetail,
    TargetPage,
    TokenPage,
    TokenView,
    VerdictView,
    WebhookPage,
    WebhookView,
    WebhookWithSecret,
    WorkerPage,
)

T = TypeVar("T")


class Operations:
    """Every operation of the API, under its operation id."""

    @abstractmethod
    def send(self, call: Call[T]) -> T:
        """Send a request and read its answer. Raises ClientError."""

    def create_release(
        self,
        *,
        model: str,
        job: str | None = None,
        model_version: str | None = None,
        from_release: str | None = None,
        stages: list[str] | None = None,
        definition_version: int | None = None,
        note: str | None = None,
        idempotency_key: str | None = None,
    ) -> ReleaseDetail:
        """Request a release.

        Answers at once. A worker then looks up the exact content, plans each stage and carries it out.

        To see the plan first, without a release: `POST /v1/dry-runs`."""
        return self.send(
            Call(
                "POST",
                "/v1/releases",
                ReleaseDetail,
                body={
                    "job": job,
                    "model_version": model_version,
                    "from_release": from_release,
                    "model": model,
                    "stages": stages,
                    "definition_version": definition_version,
                    "note": note,
                },
                headers=keyed(idempotency_key),
            )
        )

    def list_releases(
        self,
        *,
        model: str | None = None,
        status: list[StatusWord] | None = None,
        job: str | None = None,
        asking: bool | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> ReleasePage:
        """Releases, the newest first.

        Filters are combined; `status` may be given several times."""
        return self.send(
            Call(
                "GET",
                "/v1/releases",
                ReleasePage,
                query={
                    "model": model,
                    "status": status,
                    "job": job,
                    "asking": asking,
                    "cursor": cursor,
                    "limit": limit,
                },
            )
        )

    def get_release(self, release_id: str, *, wait: float | None = None) -> ReleaseDetail:
        """One release; poll it with ETag and wait.

        With `If-None-Match` and `wait` it answers as soon as something changes, or 304 after `wait` seconds."""
        return self.send(
            Call(
                "GET",
                path_of("/v1/releases/{release_id}", release_id=release_id),
                ReleaseDetail,
                query={"wait": wait},
                seconds=wait or 0,
            )
        )

    def create_rollback(
        self,
        subscription: str,
        resource_group: str,
        workspace: str,
        endpoint: str,
        *,
        reason: str,
        to: str | None = None,
        deployment: str | None = None,
        idempotency_key: str | None = None,
    ) -> ReleaseDetail:
        """Go back to what served before.

        Answers with a release of one stage, which goes ahead of everything else there.

        What waits at the target is superseded; what runs there is asked to stop at its next safe point. No freeze and no hold keeps it
        out. A deployment that is still there is proven and used again, else one is made anew. Afterwards the target is on hold until
        somebody lifts that."""
        return self.send(
            Call(
                "POST",
                path_of(
                    "/v1/targets/{subscription}/{resource_group}/{workspace}/{endpoint}/rollback",
                    subscription=subscription,
                    resource_group=resource_group,
                    workspace=workspace,
                    endpoint=endpoint,
                ),
                ReleaseDetail,
                body={"reason": reason, "to": to, "deployment": deployment},
                headers=keyed(idempotency_key),
            )
        )

    def create_dry_run(
        self,
        *,
        model: str,
        job: str | None = None,
        model_version: str | None = None,
        from_release: str | None = None,
        stages: list[str] | None = None,
        definition_version: int | None = None,
        idempotency_key: str | None = None,
    ) -> DryRunView:
        """Plan a release without requesting it.

        Answers at once. A worker then plans each stage and runs the checks; poll the address in `Location` for the result.

        Nobody is asked to approve, and nothing is changed."""
        return self.send(
            Call(
                "POST",
                "/v1/dry-runs",
                DryRunView,
                body={
                    "job": job,
                    "model_version": model_version,
                    "from_release": from_release,
                    "model": model,
                    "stages": stages,
                    "definition_version": definition_version,
                },
                headers=keyed(idempotency_key),
            )
        )

    def get_dry_run(self, dry_run_id: str, *, wait: float | None = None) -> DryRunView:
        """One dry run: the plan, and what would stop it.

        `POST /v1/dry-runs` starts one. It is kept for a day."""
        return self.send(
            Call(
                "GET",
                path_of("/v1/dry-runs/{dry_run_id}", dry_run_id=dry_run_id),
                DryRunView,
                query={"wait": wait},
                seconds=wait or 0,
            )
        )

    def create_adoption(
        self,
        model: str,
        stage: str,
        *,
        seen: str | None = None,
        note: str | None = None,
        idempotency_key: str | None = None,
    ) -> ReleaseDetail:
        """Take a stage's endpoint on record as it is.

        For an endpoint that others made, or that others changed since it was last moved.

        Answers with a release of one stage, under its approval policy. A worker reads the endpoint, and refuses where it is another
        model's; carried out, it tags the endpoint and changes nothing else: what serves there goes on serving."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/models/{model}/stages/{stage}/adopt", model=model, stage=stage),
                ReleaseDetail,
                body={"seen": seen, "note": note},
                headers=keyed(idempotency_key),
            )
        )

    def create_adoption_dry_run(self, model: str, stage: str, *, idempotency_key: str | None = None) -> DryRunView:
        """Look at a stage's endpoint before it is adopted.

        Answers at once. A worker then reads the endpoint; poll the address in `Location` for what is there. Nothing is changed."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/models/{model}/stages/{stage}/adopt/dry-run", model=model, stage=stage),
                DryRunView,
                headers=keyed(idempotency_key),
            )
        )

    def get_drift(self, subscription: str, resource_group: str, workspace: str, endpoint: str) -> DriftView:
        """In what an endpoint differs from what is on record.

        As it was last compared. `POST` compares it now."""
        return self.send(
            Call(
                "GET",
                path_of(
                    "/v1/targets/{subscription}/{resource_group}/{workspace}/{endpoint}/drift",
                    subscription=subscription,
                    resource_group=resource_group,
                    workspace=workspace,
                    endpoint=endpoint,
                ),
                DriftView,
            )
        )

    def create_scan(
        self,
        subscription: str,
        resource_group: str,
        workspace: str,
        endpoint: str,
        *,
        idempotency_key: str | None = None,
    ) -> DriftView:
        """Compare an endpoint with what is on record.

        Answers at once. A worker then reads the endpoint; poll the address in `Location` until `scanned_at` is later."""
        return self.send(
            Call(
                "POST",
                path_of(
                    "/v1/targets/{subscription}/{resource_group}/{workspace}/{endpoint}/drift",
                    subscription=subscription,
                    resource_group=resource_group,
                    workspace=workspace,
                    endpoint=endpoint,
                ),
                DriftView,
                headers=keyed(idempotency_key),
            )
        )

    def create_revert(
        self,
        subscription: str,
        resource_group: str,
        workspace: str,
        endpoint: str,
        *,
        reason: str,
        idempotency_key: str | None = None,
    ) -> ReleaseDetail:
        """Bring back what is on record as serving.

        Answers with a release of one stage, under its approval policy.

        A deployment that is as it was is proven and used again, else one is made anew. Nothing that waits is superseded, and the target
        is not held afterwards. Nothing is deleted: a changed deployment stays without traffic, and is drift until the endpoint is adopted
        or somebody deletes it."""
        return self.send(
            Call(
                "POST",
                path_of(
                    "/v1/targets/{subscription}/{resource_group}/{workspace}/{endpoint}/revert",
                    subscription=subscription,
                    resource_group=resource_group,
                    workspace=workspace,
                    endpoint=endpoint,
                ),
                ReleaseDetail,
                body={"reason": reason},
                headers=keyed(idempotency_key),
            )
        )

    def cancel_release(
        self, release_id: str, *, reason: str | None = None, idempotency_key: str | None = None
    ) -> ReleaseDetail:
        """Cancel at the next safe point.

        Cancels at once if no step runs. Else the running step stops at its next safe point, where nothing is left half done."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/releases/{release_id}/cancel", release_id=release_id),
                ReleaseDetail,
                body={"reason": reason},
                headers=keyed(idempotency_key),
            )
        )

    def pause_release(
        self, release_id: str, *, reason: str | None = None, idempotency_key: str | None = None
    ) -> ReleaseDetail:
        """Pause at the next safe point.

        A running step stops at its next safe point, where nothing is left half done. A queued rollout leaves the queue."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/releases/{release_id}/pause", release_id=release_id),
                ReleaseDetail,
                body={"reason": reason},
                headers=keyed(idempotency_key),
            )
        )

    def resume_release(self, release_id: str, *, idempotency_key: str | None = None) -> ReleaseDetail:
        """Resume a paused release.

        The release goes back into the queue of its endpoint and continues where it stopped."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/releases/{release_id}/resume", release_id=release_id),
                ReleaseDetail,
                headers=keyed(idempotency_key),
            )
        )

    def retry_release(self, release_id: str, *, idempotency_key: str | None = None) -> ReleaseDetail:
        """Retry from the step that failed.

        Completed steps are not repeated."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/releases/{release_id}/retry", release_id=release_id),
                ReleaseDetail,
                headers=keyed(idempotency_key),
            )
        )

    def advance_release(
        self, release_id: str, *, reason: str | None = None, idempotency_key: str | None = None
    ) -> ReleaseDetail:
        """Go on with the next share of the traffic.

        Skips what is left of a bake, or accepts what an analysis could not decide. A deployment that is worse for certain is stopped
        all the same."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/releases/{release_id}/advance", release_id=release_id),
                ReleaseDetail,
                body={"reason": reason},
                headers=keyed(idempotency_key),
            )
        )

    def extend_release(
        self, release_id: str, *, reason: str | None = None, idempotency_key: str | None = None
    ) -> ReleaseDetail:
        """Watch a share of the traffic longer.

        The new deployment keeps its share for one more bake, from now on."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/releases/{release_id}/extend", release_id=release_id),
                ReleaseDetail,
                body={"reason": reason},
                headers=keyed(idempotency_key),
            )
        )

    def abort_release(
        self, release_id: str, *, reason: str | None = None, idempotency_key: str | None = None
    ) -> ReleaseDetail:
        """Go back to what served before.

        A release that has a share of the traffic loses it; its target is then on hold. One that asks before it has any just stops."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/releases/{release_id}/abort", release_id=release_id),
                ReleaseDetail,
                body={"reason": reason},
                headers=keyed(idempotency_key),
            )
        )

    def get_plan(self, release_id: str, stage: str) -> PlanView:
        """A rollout's plan, and what it changes.

        The plan that an approval is bound to by its digest, the difference to what it replaces, and what serves now."""
        return self.send(
            Call(
                "GET",
                path_of("/v1/releases/{release_id}/rollouts/{stage}/plan", release_id=release_id, stage=stage),
                PlanView,
            )
        )

    def approve_rollout(
        self,
        release_id: str,
        stage: str,
        *,
        plan_digest: str,
        reason: str | None = None,
        emergency: bool | None = None,
        idempotency_key: str | None = None,
    ) -> ReleaseDetail:
        """Approve a rollout that waits.

        The last approval that the policy needs queues the rollout at once. Until then `missing` says what is still needed.

        If the plan is not `plan_digest` any more, nothing is approved, and `changes` says what changed."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/releases/{release_id}/rollouts/{stage}/approve", release_id=release_id, stage=stage),
                ReleaseDetail,
                body={"plan_digest": plan_digest, "reason": reason, "emergency": emergency},
                headers=keyed(idempotency_key),
            )
        )

    def reject_rollout(
        self,
        release_id: str,
        stage: str,
        *,
        reason: str | None = None,
        plan_digest: str | None = None,
        idempotency_key: str | None = None,
    ) -> ReleaseDetail:
        """Reject a rollout that waits, which ends the release.

        A rejection needs a reason (else 422): the requester reads it."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/releases/{release_id}/rollouts/{stage}/reject", release_id=release_id, stage=stage),
                ReleaseDetail,
                body={"reason": reason, "plan_digest": plan_digest},
                headers=keyed(idempotency_key),
            )
        )

    def list_targets(
        self, *, model: str | None = None, stage: str | None = None, cursor: str | None = None, limit: int | None = None
    ) -> TargetPage:
        """Endpoints that were released to or adopted, and what serves there.

        The newest first. Filters are combined."""
        return self.send(
            Call(
                "GET",
                "/v1/targets",
                TargetPage,
                query={"model": model, "stage": stage, "cursor": cursor, "limit": limit},
            )
        )

    def get_target(self, subscription: str, resource_group: str, workspace: str, endpoint: str) -> TargetDetail:
        """One endpoint: what serves there now, by whose word, and which deployments are there.

        As last read back from Azure by a rollout."""
        return self.send(
            Call(
                "GET",
                path_of(
                    "/v1/targets/{subscription}/{resource_group}/{workspace}/{endpoint}",
                    subscription=subscription,
                    resource_group=resource_group,
                    workspace=workspace,
                    endpoint=endpoint,
                ),
                TargetDetail,
            )
        )

    def get_history(
        self,
        subscription: str,
        resource_group: str,
        workspace: str,
        endpoint: str,
        *,
        at: datetime | None = None,
        cursor: str | None = None,
        limit: int | None = None,
    ) -> ServedPage:
        """What served there, and when.

        Each share of the traffic from when to when, who asked for it and who approved it; the newest first.

        With `at`, what served at that moment, in one page, the largest share first."""
        return self.send(
            Call(
                "GET",
                path_of(
                    "/v1/targets/{subscription}/{resource_group}/{workspace}/{endpoint}/history",
                    subscription=subscription,
                    resource_group=resource_group,
                    workspace=workspace,
                    endpoint=endpoint,
                ),
                ServedPage,
                query={"at": at, "cursor": cursor, "limit": limit},
            )
        )

    def get_idle(self, subscription: str, resource_group: str, workspace: str, endpoint: str) -> IdleReport:
        """Deployments without traffic there, and what becomes of them.

        As far as is on record. The definition's `retention` says what becomes of them; the cost is by `prices` of guardrails.yml."""
        return self.send(
            Call(
                "GET",
                path_of(
                    "/v1/targets/{subscription}/{resource_group}/{workspace}/{endpoint}/idle",
                    subscription=subscription,
                    resource_group=resource_group,
                    workspace=workspace,
                    endpoint=endpoint,
                ),
                IdleReport,
            )
        )

    def create_freeze(
        self,
        *,
        reason: str,
        model: str | None = None,
        stage: str | None = None,
        target: str | None = None,
        starts: datetime | None = None,
        minutes: int | None = None,
        time_zone: str | None = None,
        recurs: str | None = None,
        idempotency_key: str | None = None,
    ) -> FreezeView:
        """Create a freeze or a hold.

        A rollout that would start in this time is `scheduled` and starts afterwards. A running rollout goes on."""
        return self.send(
            Call(
                "POST",
                "/v1/freezes",
                FreezeView,
                body={
                    "reason": reason,
                    "model": model,
                    "stage": stage,
                    "target": target,
                    "starts": starts,
                    "minutes": minutes,
                    "time_zone": time_zone,
                    "recurs": recurs,
                },
                headers=keyed(idempotency_key),
            )
        )

    def list_freezes(self, *, model: str | None = None) -> FreezePage:
        """Freezes and holds, the newest first.

        With `model`, only those that apply to it."""
        return self.send(Call("GET", "/v1/freezes", FreezePage, query={"model": model}))

    def get_freeze(self, freeze_id: str) -> FreezeView:
        """One freeze.

        Whether it is in force now, and until when."""
        return self.send(Call("GET", path_of("/v1/freezes/{freeze_id}", freeze_id=freeze_id), FreezeView))

    def delete_freeze(self, freeze_id: str) -> None:
        """End a freeze or a hold.

        The rollouts that waited for it start, unless another freeze applies."""
        self.send(Call("DELETE", path_of("/v1/freezes/{freeze_id}", freeze_id=freeze_id), None))

    def list_events(self, *, after: int | None = None, limit: int | None = None) -> EventPage:
        """All events, the oldest first.

        The events of the models that you can see. Events are numbered without gaps, in order. Send `next` as `after` for the next page."""
        return self.send(Call("GET", "/v1/events", EventPage, query={"after": after, "limit": limit}))

    def list_release_events(self, release_id: str, *, after: int | None = None, limit: int | None = None) -> EventPage:
        """A release's events; a stream if text/event-stream is accepted.

        A stream starts after `Last-Event-ID` (or `after`) and ends when the release has ended and every event was sent."""
        return self.send(
            Call(
                "GET",
                path_of("/v1/releases/{release_id}/events", release_id=release_id),
                EventPage,
                query={"after": after, "limit": limit},
            )
        )

    def list_release_evidence(self, release_id: str) -> EvidenceList:
        """The logs of a release's failed steps.

        The oldest first. A log that was deleted or has expired has only its digest."""
        return self.send(
            Call("GET", path_of("/v1/releases/{release_id}/evidence", release_id=release_id), EvidenceList)
        )

    def list_release_reports(self, release_id: str) -> ReportList:
        """What golden requests and analyses of a release measured.

        The oldest first: accuracy, agreement and latency of the new deployment and of what serves, with the verdicts and their reasons."""
        return self.send(Call("GET", path_of("/v1/releases/{release_id}/reports", release_id=release_id), ReportList))

    def delete_release_evidence(self, release_id: str, evidence_id: str) -> EvidenceView:
        """Delete the text of a log before it expires.

        The digest and the event chain stay. Deleting it again changes nothing."""
        return self.send(
            Call(
                "DELETE",
                path_of(
                    "/v1/releases/{release_id}/evidence/{evidence_id}", release_id=release_id, evidence_id=evidence_id
                ),
                EvidenceView,
            )
        )

    def list_job_evidence(self, name: str, *, workspace: str | None = None) -> EvidenceList:
        """The logs of a training job's failed steps.

        The oldest first. A log that was deleted or has expired has only its digest."""
        return self.send(
            Call("GET", path_of("/v1/jobs/{name}/evidence", name=name), EvidenceList, query={"workspace": workspace})
        )

    def delete_job_evidence(self, name: str, evidence_id: str, *, workspace: str | None = None) -> EvidenceView:
        """Delete the text of a training job's log.

        The digest and the event chain stay. Deleting it again changes nothing."""
        return self.send(
            Call(
                "DELETE",
                path_of("/v1/jobs/{name}/evidence/{evidence_id}", name=name, evidence_id=evidence_id),
                EvidenceView,
                query={"workspace": workspace},
            )
        )

    def get_provenance(self, release_id: str, *, stage: str | None = None) -> EnvelopeView:
        """The signed provenance of what a release brought to a stage.

        What the deployment was made of, who asked, who approved, how it was proven, and where it got its traffic.

        `mlrelease provenance verify` checks it without this service. The same deployment has the same document."""
        return self.send(
            Call(
                "GET",
                path_of("/v1/releases/{release_id}/provenance", release_id=release_id),
                EnvelopeView,
                query={"stage": stage},
            )
        )

    def list_provenance_keys(self) -> PublicKeyList:
        """The public keys that verify provenance.

        The newest first: it signs. The others have signed before."""
        return self.send(Call("GET", "/v1/provenance/keys", PublicKeyList))

    def get_workers(self) -> WorkerPage:
        """Workers that hold a lease, and what they drive.

        One that was killed is shown until its lease has run out. Of what it drives, the steps of models that you may see."""
        return self.send(Call("GET", "/v1/workers", WorkerPage))

    def create_job(
        self,
        *,
        model: str,
        name: str | None = None,
        bundle: str | None = None,
        entry: str | None = None,
        environments: list[str] | None = None,
        git: GitFacts | None = None,
        idempotency_key: str | None = None,
    ) -> JobView:
        """Record or submit a training job.

        Answers at once. A worker then submits the job, if it is new, and follows it to its end."""
        return self.send(
            Call(
                "POST",
                "/v1/jobs",
                JobView,
                body={
                    "model": model,
                    "name": name,
                    "bundle": bundle,
                    "entry": entry,
                    "environments": environments,
                    "git": git,
                },
                headers=keyed(idempotency_key),
            )
        )

    def list_jobs(self, *, model: str | None = None, cursor: str | None = None, limit: int | None = None) -> JobPage:
        """Training jobs, the newest first.

        Each as it was last seen; this does not call Azure ML."""
        return self.send(Call("GET", "/v1/jobs", JobPage, query={"model": model, "cursor": cursor, "limit": limit}))

    def get_job(self, name: str, *, workspace: str | None = None) -> JobView:
        """One training job.

        Names are unique in a workspace. If several workspaces have this name (409), add `workspace`."""
        return self.send(Call("GET", path_of("/v1/jobs/{name}", name=name), JobView, query={"workspace": workspace}))

    def apply_model(self, *, bundle: str, note: str | None = None, idempotency_key: str | None = None) -> ModelView:
        """Apply a definition.

        Content that is already the newest creates no new version (200). All mistakes are reported at once (422)."""
        return self.send(
            Call("POST", "/v1/models", ModelView, body={"bundle": bundle, "note": note}, headers=keyed(idempotency_key))
        )

    def list_models(self, *, cursor: str | None = None, limit: int | None = None) -> ModelPage:
        """The newest definition of each model.

        Sorted by name."""
        return self.send(Call("GET", "/v1/models", ModelPage, query={"cursor": cursor, "limit": limit}))

    def get_model(self, model: str) -> ModelDetail:
        """A model's definition and its versions.

        The newest version in full, where the model serves now, and its newest 50 versions. An older one is found by its number."""
        return self.send(Call("GET", path_of("/v1/models/{model}", model=model), ModelDetail))

    def get_model_version(self, model: str, version: int) -> ModelDetail:
        """One version of a definition.

        A version never changes."""
        return self.send(
            Call("GET", path_of("/v1/models/{model}/versions/{version}", model=model, version=version), ModelDetail)
        )

    def get_release_schema(self) -> dict[str, Any]:
        """JSON Schema of release.yml.

        For editors: `# yaml-language-server: $schema=…`."""
        return self.send(Call("GET", "/v1/schema/release.json", dict[str, Any]))

    def create_bundle(self, content: bytes, *, idempotency_key: str | None = None) -> BundleView:
        """Upload a folder as .tar.gz.

        Stored by the digest of its content: uploading the same folder again gives the same bundle."""
        return self.send(
            Call(
                "POST",
                "/v1/bundles",
                BundleView,
                content=content,
                headers={**keyed(idempotency_key), "Content-Type": "application/gzip"},
            )
        )

    def create_webhook(
        self,
        *,
        url: str,
        kinds: list[str] | None = None,
        models: list[str] | None = None,
        note: str | None = None,
        idempotency_key: str | None = None,
    ) -> WebhookWithSecret:
        """Create a webhook.

        Events are signed as the Standard Webhooks specification says. The `secret` is in this response only; rotate it to get another."""
        return self.send(
            Call(
                "POST",
                "/v1/webhooks",
                WebhookWithSecret,
                body={"url": url, "kinds": kinds, "models": models, "note": note},
                headers=keyed(idempotency_key),
            )
        )

    def list_webhooks(self) -> WebhookPage:
        """Webhooks.

        The oldest first."""
        return self.send(Call("GET", "/v1/webhooks", WebhookPage))

    def get_webhook(self, webhook_id: str) -> WebhookView:
        """One webhook.

        Without its secret."""
        return self.send(Call("GET", path_of("/v1/webhooks/{webhook_id}", webhook_id=webhook_id), WebhookView))

    def delete_webhook(self, webhook_id: str) -> None:
        """Delete a webhook.

        Its pending deliveries are deleted too."""
        self.send(Call("DELETE", path_of("/v1/webhooks/{webhook_id}", webhook_id=webhook_id), None))

    def rotate_webhook_secret(self, webhook_id: str, *, idempotency_key: str | None = None) -> WebhookWithSecret:
        """Rotate a webhook's secret.

        The previous secret also signs for a day, so that the receiver can change over."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/webhooks/{webhook_id}/rotate", webhook_id=webhook_id),
                WebhookWithSecret,
                headers=keyed(idempotency_key),
            )
        )

    def send_test_event(self, webhook_id: str, *, idempotency_key: str | None = None) -> WebhookView:
        """Send a test event.

        The webhook's deliveries show the result."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/webhooks/{webhook_id}/test", webhook_id=webhook_id),
                WebhookView,
                headers=keyed(idempotency_key),
            )
        )

    def redeliver_to_webhook(self, webhook_id: str, *, idempotency_key: str | None = None) -> Redelivered:
        """Send a webhook's dead deliveries again.

        Each with the same `webhook-id` as before."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/webhooks/{webhook_id}/redeliver", webhook_id=webhook_id),
                Redelivered,
                headers=keyed(idempotency_key),
            )
        )

    def list_webhook_deliveries(
        self,
        webhook_id: str,
        *,
        status: DeliveryStatusWord | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> DeliveryPage:
        """A webhook's deliveries.

        The newest first, including pending and dead ones."""
        return self.send(
            Call(
                "GET",
                path_of("/v1/webhooks/{webhook_id}/deliveries", webhook_id=webhook_id),
                DeliveryPage,
                query={"status": status, "limit": limit, "cursor": cursor},
            )
        )

    def list_deliveries(
        self, *, status: DeliveryStatusWord | None = None, limit: int | None = None, cursor: str | None = None
    ) -> DeliveryPage:
        """All deliveries, to webhooks and chats.

        The newest first. `status=dead` lists the dead letters."""
        return self.send(
            Call("GET", "/v1/deliveries", DeliveryPage, query={"status": status, "limit": limit, "cursor": cursor})
        )

    def redeliver_one(self, delivery_id: int, *, idempotency_key: str | None = None) -> DeliveryView:
        """Send a delivery again.

        With the same `webhook-id`. A pending delivery is refused (409)."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/deliveries/{delivery_id}/redeliver", delivery_id=delivery_id),
                DeliveryView,
                headers=keyed(idempotency_key),
            )
        )

    def create_token(
        self,
        *,
        name: str,
        grants: list[GrantBody],
        days: int | None = None,
        note: str | None = None,
        idempotency_key: str | None = None,
    ) -> NewTokenView:
        """Create an API token.

        The secret is in this response only. The same request with the same idempotency key gets 409, not the secret again."""
        return self.send(
            Call(
                "POST",
                "/v1/tokens",
                NewTokenView,
                body={"name": name, "grants": grants, "days": days, "note": note},
                headers=keyed(idempotency_key),
            )
        )

    def list_tokens(self, *, cursor: str | None = None, limit: int | None = None) -> TokenPage:
        """API tokens, the newest first.

        Their holders, grants and last use (to the minute). Secrets are not shown."""
        return self.send(Call("GET", "/v1/tokens", TokenPage, query={"cursor": cursor, "limit": limit}))

    def revoke_token(self, token_id: str, *, idempotency_key: str | None = None) -> TokenView:
        """Revoke an API token.

        The token is refused from now on. Revoking it again changes nothing."""
        return self.send(
            Call(
                "POST",
                path_of("/v1/tokens/{token_id}/revoke", token_id=token_id),
                TokenView,
                headers=keyed(idempotency_key),
            )
        )

    def verify_audit(
        self, *, seq: int | None = None, hash: str | None = None, incremental: bool | None = None
    ) -> VerdictView:
        """Verify the event chain: all of it, or what came after an event that you noted.

        Detects edited, removed, added and reordered events, and rows of rights, of decisions and of what served that are
        not as the events say. The whole chain takes a minute or more for a million events: accept `application/x-ndjson`, and a line says
        every half second how far it is (`{"what", "done", "total"}`). The last line is the verdict, or the problem that ended it.

        `incremental` relies on what you noted: events before it, and rows that were made before it, are not read again."""
        return self.send(
            Call("GET", "/v1/audit/verify", VerdictView, query={"seq": seq, "hash": hash, "incremental": incremental})
        )

    def get_liveness(self) -> Health:
        """The process responds.

        Checks nothing else: for a supervisor that restarts a process that does not respond."""
        return self.send(Call("GET", "/health/live", Health))

    def get_readiness(self) -> Health:
        """The process can work: the database responds and has the right schema.

        For a load balancer: send requests only to a process that responds with 200."""
        return self.send(Call("GET", "/health/ready", Health))
