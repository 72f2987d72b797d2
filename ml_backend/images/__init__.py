"""Bytes to upright RGB page images, within limits, safe against hostile files.

``loader.PageLoader`` is the way in. It hands the bytes to a child process (``process``, ``child``), which checks the kind
(``kinds``), decodes (``decode``, ``pdf``) and answers with raw pixels (``wire``). What the pixels mean does not belong here.
"""
