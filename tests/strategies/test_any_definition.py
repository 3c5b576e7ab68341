"""Plans of all kinds of definitions: each step's config is its kind's, and nothing is lost between a plan and its document."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.definitions.schema import Definition
from app.planning.content import Content
from app.planning.kinds import KINDS, Analyse
from app.planning.plan import Plan
from app.releases.plans import digest_of, document_of
from app.strategies.rollouts import ReleaseFacts, plan_rollouts
from tests.planning.examples import CONTENT
from tests.strategies.content import ORIGIN, SUB

_POLICIES = st.one_of(
    st.sampled_from(["none", "required"]),
    st.fixed_dictionaries(
        {"count": st.integers(1, 5)},
        optional={
            "groups": st.lists(st.sampled_from(["risk", "platform"]), unique=True),
            "expires_after": st.sampled_from(["30m", "3d"]),
            "break_glass": st.fixed_dictionaries({"count": st.integers(2, 4)}),
        },
    ),
)


_SETTINGS = st.fixed_dictionaries(
    {},
    optional={
        "request_settings": st.none() | st.fixed_dictionaries({"max_queue_wait_ms": st.none() | st.integers(0, 9)}),
        "environment_variables": st.none() | st.dictionaries(st.sampled_from("ABC"), st.none() | st.text(max_size=9)),
    },
)
_TIMED = sorted(kind for kind, each in KINDS.items() if each.minutes is not None)
_SHARES = st.lists(st.integers(1, 99), min_size=1, max_size=10, unique=True).map(
    lambda weights: [{"weight": each, "bake": "30m"} for each in sorted(weights)]
)
_TRAFFIC = st.one_of(
    st.just({"strategy": "all_at_once"}),
    st.fixed_dictionaries({"strategy": st.just("canary"), "steps": _SHARES}),
    st.fixed_dictionaries(
        {
            "strategy": st.just("shadow"),
            "mirror": st.fixed_dictionaries({"percent": st.integers(1, 50), "bake": st.just("10m")}),
        },
        optional={"steps": _SHARES, "analysis": st.just({"latency": None, "no_data": "ask"})},
    ),
)
_READABLE = st.text(st.characters(exclude_characters="\0"), max_size=20)  # the reader of YAML refuses NUL


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    """With one to three stages; the first is where training jobs run, or another workspace."""
    stages = []
    for number in range(draw(st.integers(1, 3))):
        at_source = draw(st.booleans())
        stage: dict[str, Any] = {
            "name": f"stage{number}",
            "workspace": "ws-dev" if at_source else f"ws-{number}0",
            "resource_group": "rg-ml",
            "endpoint": f"churn-{number}",
            "approval": draw(_POLICIES),
        }
        if not at_source or draw(st.booleans()):
            stage["registry"] = "reg-shared"
        if draw(st.booleans()):
            stage["key_vault"] = "kv-dev"
        if draw(st.booleans()):
            stage |= {"instance_type": "Standard_DS3_v2", "instance_count": draw(st.integers(1, 50))}
        if draw(st.booleans()):
            stage["deployment"] = draw(_SETTINGS)
            stage["endpoint_settings"] = {"public_network_access": draw(st.sampled_from(["disabled", None]))}
        if draw(st.booleans()):
            stage["traffic"] = draw(_TRAFFIC)
        stages.append(stage)
    timeouts = draw(st.dictionaries(st.sampled_from(_TIMED), st.integers(1, 24 * 60)))
    written = {
        "model": {"name": "churn", "description": draw(st.none() | _READABLE)},
        "checks": {"golden": "golden.json"},
        "timeouts": timeouts,
        "stages": stages,
    }
    return Definition.model_validate(written)


@st.composite
def contents(draw: st.DrawFn) -> Content:
    number = st.one_of(st.integers(), st.floats(), st.sampled_from(["NaN", "Infinity"]))
    metrics = draw(st.dictionaries(st.text(min_size=1, max_size=10), number, max_size=4))
    written = draw(
        st.dictionaries(
            st.sampled_from(["request_settings", "instance_type", "instance_count", "environment_variables"]),
            st.none(),
        )
    )
    return CONTENT.model_copy(
        update={"metrics": metrics, "deployment": written, "git_commit": draw(st.none() | st.text())}
    )


@given(definitions(), contents())
@settings(max_examples=60, deadline=None)
def test_every_plan_holds_what_its_steps_take_and_is_its_document(definition: Definition, content: Content) -> None:
    facts = ReleaseFacts(
        release="churn-7",
        number=7,
        mark="abcd",
        definition_version=3,
        definition_digest="sha256:d",
        origin=ORIGIN,
        subscription=SUB,
        content=content,
    )

    plans = plan_rollouts(definition, [stage.name for stage in definition.stages], facts)

    assert [plan.stage for plan in plans] == [stage.name for stage in definition.stages]
    for plan in plans:
        document = document_of(plan)
        again = Plan.model_validate(document)
        assert document_of(again) == document
        assert digest_of(document_of(again)) == digest_of(document)
        for step, written in zip(again.steps, document["steps"], strict=True):
            assert type(step.config) is KINDS[step.kind]
            assert (
                KINDS[step.kind].model_validate(written["config"])
                == step.config
                == plan.steps[again.steps.index(step)].config
            )
            minutes = getattr(definition.timeouts, step.kind, None) or KINDS[step.kind].minutes
            if minutes is not None:
                assert step.timeout_seconds == minutes * 60
            else:
                assert isinstance(step.config, Analyse)
                assert step.timeout_seconds > step.config.bake_seconds
