"""What every store must keep of tokens; a part of ``StoreContract``."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from ml_backend.errors import DocloopError
from ml_backend.store.store import Store, open_store
from ml_backend.store.tokens import TokenRecord

DAY = 86_400.0


def dumped(store: Store) -> str:
    """Every value of the table, as the database has it."""
    with store._database.read() as connection:
        return str(connection.execute(sa.text("SELECT * FROM tokens")).all())


class StoreTokensContract:
    """Made, found, used, expired, revoked."""

    def test_a_token_is_found_by_its_secret_also_by_another_process(self, store: Store, url: str) -> None:
        number, secret = store.tokens.create("ci", "train", 10.0, days=2, email="ann@example.org")
        made = TokenRecord(number, "ci", "train", "ann@example.org", 10.0, expires_at=10.0 + 2 * DAY)
        other = open_store(url)
        assert other.tokens.find(secret, 11.0) == other.tokens.get(number) == made
        assert store.tokens.all() == [made]
        other.close()

    def test_the_secret_is_long_never_the_same_and_not_in_the_database(self, store: Store) -> None:
        made = [store.tokens.create(f"t{n}", "read", 1.0)[1] for n in range(20)]
        assert len(set(made)) == 20
        assert {secret[:8] for secret in made} == {"docloop_"}
        assert min(map(len, made)) >= len("docloop_") + 256 // 6
        said = dumped(store)
        assert not any(secret in said or secret[8:] in said for secret in made)

    @pytest.mark.parametrize(
        ("days", "at", "works"), [(1, DAY, True), (1, DAY + 1, False), (None, 1e12, True), (0.5, DAY, False)]
    )
    def test_it_works_until_the_moment_it_expires(
        self, store: Store, days: float | None, at: float, works: bool
    ) -> None:
        _, secret = store.tokens.create("ci", "read", 1.0, days=days)
        assert (store.tokens.find(secret, at) is not None) is works

    def test_revoked_by_name_or_number_it_opens_nothing_and_its_name_is_free_again(self, store: Store) -> None:
        first, secret = store.tokens.create("ci", "read", 1.0)
        assert store.tokens.revoke("ci", 2.0).revoked_at == 2.0
        second, other = store.tokens.create("ci", "admin", 3.0)
        assert store.tokens.find(secret, 4.0) is None
        assert store.tokens.find(other, 4.0) is not None
        assert store.tokens.revoke(second, 5.0) == store.tokens.revoke(str(second), 6.0) == store.tokens.get(second)
        assert [(one.id, one.revoked_at) for one in store.tokens.all()] == [(first, 2.0), (second, 5.0)]
        assert store.tokens.revoke("ci", 7.0).id == second
        assert store.tokens.find(other, 8.0) is None

    @pytest.mark.parametrize("name", ["gone", "0", "99999999999999999999999", "", "docloop_x", "' OR 1=1 --"])
    def test_what_is_not_there_cannot_be_revoked(self, store: Store, name: str) -> None:
        store.tokens.create("ci", "read", 1.0)
        with pytest.raises(DocloopError) as caught:
            store.tokens.revoke(name, 2.0)
        assert caught.value.code == "token_unknown"
        assert store.tokens.all()[0].revoked_at is None

    def test_nothing_but_the_whole_secret_finds_it(self, store: Store) -> None:
        number, secret = store.tokens.create("ci", "read", 1.0)
        swapped = secret[:-1] + ("A" if secret[-1] != "A" else "B")
        guesses = ["", secret[:-1], secret + "A", swapped, secret.upper(), "ci", str(number), "docloop_", "\x00\ud800"]
        for guess in guesses:
            assert store.tokens.find(guess, 2.0) is None

    def test_two_living_tokens_never_share_a_name_whoever_is_quicker(self, store: Store) -> None:
        def create(_: int) -> str:
            try:
                return store.tokens.create("ci", "read", 1.0)[1]
            except DocloopError as error:
                return error.code

        with ThreadPoolExecutor(4) as pool:
            said = list(pool.map(create, range(4)))
        assert said.count("token_exists") == 3
        assert len(store.tokens.all()) == 1

    def test_a_use_is_written_down_once_a_minute_at_most(self, store: Store) -> None:
        number, secret = store.tokens.create("ci", "read", 1.0)
        seen = []
        for now in (100.0, 130.0, 159.0, 160.0, 161.0, 300.0):
            store.tokens.note_use(number, now)
            found = store.tokens.find(secret, now)
            seen.append(found and found.used_at)
        assert seen == [100.0, 100.0, 100.0, 160.0, 160.0, 300.0]

    @pytest.mark.parametrize(
        ("name", "role", "days", "email"),
        [
            ("", "read", None, ""),
            ("  ", "read", None, ""),
            ("12", "read", None, ""),
            ("x" * 65, "read", None, ""),
            ("a\nb", "read", None, ""),
            ("ci", "owner", None, ""),
            ("ci", "", None, ""),
            ("ci", "ADMIN", None, ""),
            ("ci", "read", 0, ""),
            ("ci", "read", -1, ""),
            ("ci", "read", float("nan"), ""),
            ("ci", "read", 1e9, ""),
            ("ci", "read", None, "ann"),
            ("ci", "read", None, "@example.org"),
            ("ci", "read", None, "ann @example.org"),
        ],
    )
    def test_a_token_that_cannot_be_is_not_made(
        self, store: Store, name: str, role: str, days: float | None, email: str
    ) -> None:
        with pytest.raises(DocloopError) as caught:
            store.tokens.create(name, role, 1.0, days, email)
        assert caught.value.code == "token_bad"
        assert store.tokens.all() == []
