"""The Azure side of a call: the session, its connection, and its events as call events."""
