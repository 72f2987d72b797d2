"""All roles that labels are known to have."""

from __future__ import annotations

from ml_backend.models.keywords.roles_dates import DATES
from ml_backend.models.keywords.roles_money import AMOUNTS
from ml_backend.models.keywords.roles_numbers import NUMBERS
from ml_backend.models.keywords.roles_parties import PARTIES

__all__ = ["AMOUNTS", "DATES", "NUMBERS", "PARTIES", "ROLES"]

ROLES = AMOUNTS + DATES + NUMBERS + PARTIES
