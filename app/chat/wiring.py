"""The notifier of an installation, put together from the settings."""

from app.chat.teams import TeamsCards, announce_in_teams
from app.database.connection import Database
from app.notifications.dispatch import Announcer
from app.notifications.notifier import Notifier
from app.notifications.outgoing import OutboundRules
from app.notifications.sending import Sender
from app.notifications.tables import Channel
from app.notifications.webhooks import WebhookSender
from app.settings import Settings


def open_notifier(settings: Settings, database: Database) -> Notifier:
    """A notifier with the senders and announcers that the settings configure."""
    rules = OutboundRules(networks=settings.webhook_networks, without_tls=settings.webhook_http)
    senders: dict[Channel, Sender] = {
        Channel.WEBHOOK: WebhookSender(database, settings, rules=rules),
        Channel.TEAMS: TeamsCards(database, settings, rules=rules),
    }
    announcers: list[Announcer] = [announce_in_teams(settings.teams_urls)]
    if settings.slack_token.get_secret_value():
        from app.chat import slack_messages as slack  # only here: Slack's SDK is not for those without Slack

        senders |= {
            Channel.SLACK: slack.SlackMessages(database, settings),
            Channel.SLACK_REPLY: slack.SlackReplies(settings),
        }
        announcers.append(slack.announce_in_slack(settings.slack_channels))
    return Notifier(database, senders, announcers, poll_seconds=settings.notify_poll_seconds)
