"""What the REST API is asked and what it answers, a module a group of routes. The OpenAPI document is made from these models."""
