"""HTTP: the ML-backend protocol, webhooks, the guard. The only place that imports flask."""
