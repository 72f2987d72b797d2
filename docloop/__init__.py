"""The entry hall: command line and demo."""
