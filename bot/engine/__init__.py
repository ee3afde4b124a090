"""The embedded default: a server on loopback that speaks the Voice Live protocol."""
