"""One call as a pure state machine: events and the time go in, commands and reports come out."""
