"""The bot: one call between a caller and a Voice Live session, whatever way the caller came by."""
