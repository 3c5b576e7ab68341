"""What a notifier needs for gates."""

from collections.abc import Mapping

from app.gates.github import GithubAnswers
from app.gates.pipelines import PipelinesAnswers
from app.notifications.sending import Sender
from app.notifications.tables import Channel
from app.settings import Settings


def gate_senders(settings: Settings) -> Mapping[Channel, Sender]:
    return {Channel.GITHUB: GithubAnswers(settings), Channel.AZURE_PIPELINES: PipelinesAnswers(settings)}
