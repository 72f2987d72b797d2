"""docloop's own REST API under ``/api/v1``: a module a group of routes, all made the same way.

How to add one:

1. Write what is asked and answered as pydantic models in ``web/schemas/``: ``Asked`` for queries and bodies (unknown keys are
   refused), ``Answer`` for answers, each with a docstring, and ``example(...)`` where a value says more than a description.
2. Write the view inside a function that takes ``Services`` and gives a group::

       def things(services: Services) -> Routes:
           group = Routes("things", "What they are.")

           @group.add("POST", "/projects/<int:project_id>/things", Role.TRAIN, status=201)
           def make_thing(project_id: int, body: ThingAsked) -> Thing:
               \"\"\"One sentence: the summary.

               More for who reads the document, in Markdown.
               \"\"\"
               project = followed_project(services.store, project_id)
               return Thing.model_validate(...)

           return group

   Its name is the operation's id, so it is one of its own in the whole API. Work that the command line does, too, belongs into
   ``ml_backend``, and both call it. What cannot be is said with a ``DocloopError``: ``web/refusals`` knows its status.
3. Name the group in ``groups.py``, and write docs/rest.md anew with ``python docs/make_rest.py``. Tests hold both.

What comes for nothing: the guard asks for the role, unknown or doubled keys and wrong types are refused by name, every refusal is
a problem (RFC 9457), the OpenAPI document has the route, and schemathesis tries it (tests/promises/test_malformed_requests.py).
A body that is no JSON (a file) is read by the view itself from ``flask.request``: name its types with
``takes=("multipart/form-data",)``; a form has its file in the part ``file``. JSON of more than 64 KB, and a place among a few
where the work is costly, are asked for with ``@limited`` below ``add``.
"""
