"""Field types: where a value of a type may stand on a page, and its normal form."""
