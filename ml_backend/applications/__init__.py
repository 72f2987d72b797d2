"""What applications with screens of their own do: read a document, send one, confirm, correct or skip what was found in it.

Label Studio stays the source of truth: whatever an application says of a document becomes a task, a prediction or an annotation
there. The loop learns of it as of any other, and a document is deleted as any other.
"""
