"""What the web process leaves for later."""
