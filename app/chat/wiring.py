"""The notifier of an installation, put together from the settings."""

from collections.abc import Mapping, Sequence

from app.chat.teams import TeamsCards, announce_in_teams
from app.database.connection import Database
from app.notifications.dispatch import Announcer
from app.notifications.notifier import Notifier
from app.notifications.outgoing import OutboundRules
from app.notifications.sending import Sender
from app.notifications.tables import Channel
from app.notifications.webhooks import WebhookSender
from app.settings import Settings


def open_notifier(
    settings: Settings,
    database: Database,
    *,
    senders: Mapping[Channel, Sender] | None = None,
    announcers: Sequence[Announcer] = (),
) -> Notifier:
    """A notifier with the senders and announcers that the settings configure, and with others beside them."""
    rules = OutboundRules(networks=settings.webhook_networks, without_tls=settings.webhook_http)
    every: dict[Channel, Sender] = {
        **(senders or {}),
        Channel.WEBHOOK: WebhookSender(database, settings, rules=rules),
        Channel.TEAMS: TeamsCards(database, settings, rules=rules),
    }
    all_announcers = [*announcers, announce_in_teams(settings.teams_urls)]
    if settings.slack_token.get_secret_value():
        from app.chat import slack_messages as slack  # only here: Slack's SDK is not for those without Slack

        every |= {
            Channel.SLACK: slack.SlackMessages(database, settings),
            Channel.SLACK_REPLY: slack.SlackReplies(settings),
        }
        all_announcers.append(slack.announce_in_slack(settings.slack_channels))
    return Notifier(database, every, all_announcers, poll_seconds=settings.notify_poll_seconds)
