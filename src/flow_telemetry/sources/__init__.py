"""Reading GitHub and trackers: I/O at the edge, parsing pure, and no word of OpenTelemetry."""
