"""`voicebot doctor`: would a call work? Settings, credentials, the way here, and one short call, a line each."""
