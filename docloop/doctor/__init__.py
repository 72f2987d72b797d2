"""``docloop doctor``: goes once around the whole circle, Label Studio to docloop and back, and says what to mend and how.

A check measures something and says what it found; the ``catalogue`` knows why each fault matters and what mends it. One check
that fails takes no other along. Nothing is changed for good: what a check must make it makes in a project of its own, which is
deleted at the end, and what it touched is said.
"""
