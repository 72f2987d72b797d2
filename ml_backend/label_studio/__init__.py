"""The other system's language: Label Studio's configs, tasks, results, events and REST, translated here only."""
