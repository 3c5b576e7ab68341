"""By which ways this installation tells people and programs: put together from the settings."""

from app.chat.slack_messages import SlackMessages, SlackReplies, announce_in_slack
from app.chat.teams import TeamsCards, announce_in_teams
from app.database.connection import Database
from app.notifications.courier import Courier
from app.notifications.dispatch import Announcer
from app.notifications.outgoing import Reach
from app.notifications.sending import Sender
from app.notifications.tables import Channel
from app.notifications.webhooks import WebhookSender
from app.settings import Settings


def open_courier(settings: Settings, database: Database) -> Courier:
    """Whoever is to be told of events, and by which ways this worker can."""
    reach = Reach(networks=settings.webhook_networks, without_tls=settings.webhook_http)
    senders: dict[Channel, Sender] = {
        Channel.WEBHOOK: WebhookSender(database, settings, reach=reach),
        Channel.TEAMS: TeamsCards(database, settings, reach=reach),
    }
    announcers: list[Announcer] = [announce_in_teams(settings.teams_urls)]
    if settings.slack_token.get_secret_value():
        senders |= {Channel.SLACK: SlackMessages(database, settings), Channel.SLACK_REPLY: SlackReplies(settings)}
        announcers.append(announce_in_slack(settings.slack_channels))
    return Courier(database, senders, announcers, poll_seconds=settings.notify_poll_seconds)
