"""The front door: settings, wiring, the command line and the demo."""
