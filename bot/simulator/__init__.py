"""A caller to test with: it plays Twilio against a bot, over real sockets."""
