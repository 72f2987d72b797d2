"""Makes docloop's access token inside of Label Studio: the personal access token of its first user, written to a file.

Run with Label Studio's own Python and settings (docker-compose.yml does, once Label Studio is healthy). So the loop runs without
anybody copying a token, and legacy tokens, which Label Studio hands to every ML backend, stay off. A token that is there and
still counts is kept: Label Studio gives a user one at a time.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> int:
    sys.path.insert(0, _code())
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "core.settings.label_studio")
    import django

    django.setup()
    from django.contrib.auth import get_user_model
    from jwt_auth.models import LSAPIToken

    user = get_user_model().objects.get(email=os.environ["LABEL_STUDIO_USERNAME"].lower())
    path = Path(sys.argv[1])
    if _counts(path):
        print("The token is there.")  # noqa: T201
        return 0
    aside = path.with_suffix(".part")
    aside.write_text(LSAPIToken.for_user(user).get_full_jwt(), encoding="ascii")
    aside.chmod(0o444)  # in a volume that docloop's containers alone mount, under users of their own
    aside.rename(path)
    print(f"The token of {user.email} is written.")  # noqa: T201
    return 0


def _code() -> str:
    """Where Label Studio's Django project lies: its packages import each other from there."""
    from importlib.util import find_spec

    spec = find_spec("label_studio")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("There is no Label Studio in this Python.")
    return str(spec.submodule_search_locations[0])


def _counts(path: Path) -> bool:
    """Whether the file holds a token that Label Studio still takes."""
    from jwt_auth.models import LSAPIToken
    from rest_framework_simplejwt.exceptions import TokenError

    try:
        LSAPIToken(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError, TokenError):
        return False
    return True


if __name__ == "__main__":
    raise SystemExit(main())
