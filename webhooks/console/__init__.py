"""`voicebot twilio`: what one does by hand in Twilio's Console, done from here, shown first and undone again."""
