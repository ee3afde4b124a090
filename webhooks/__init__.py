"""The web side of the bot: Twilio's webhooks and media streams, health and metrics."""
