"""The loop: reconcile, ledger, samples, train, gate, promote, re-predict, re-rank; and the worker that drives it."""
