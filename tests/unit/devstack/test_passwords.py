"""The promises of the kept passwords."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from devstack.errors import StackError
from devstack.postgres.passwords import load_passwords
from devstack.postgres.prepare import scram_verifier
from devstack.settings import load_settings

pytestmark = pytest.mark.unit


def test_passwords_are_kept_and_private(tmp_path: Path) -> None:
    """The second start finds the first one's passwords, and nobody else can read them."""
    first = load_passwords(load_settings(home=tmp_path))

    assert first == load_passwords(load_settings(home=tmp_path))
    assert (tmp_path / "secrets.json").stat().st_mode & 0o777 == 0o600


def test_a_complete_file_is_only_read(tmp_path: Path) -> None:
    """In a cluster it is a secret, mounted where nothing can be written, a lock as little as a draft."""
    made = load_passwords(load_settings(home=tmp_path / "made"))
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    (mounted / "secrets.json").write_text((tmp_path / "made" / "secrets.json").read_text())

    assert made == load_passwords(load_settings(home=mounted))
    assert ["secrets.json"] == [file.name for file in mounted.iterdir()]


def test_many_at_once_agree(tmp_path: Path) -> None:
    """Two starts of one folder can't make two sets of passwords."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: load_passwords(load_settings(home=tmp_path)), range(8)))

    assert [found[0]] * 8 == found


def test_a_new_role_gets_a_password_and_the_others_keep_theirs(tmp_path: Path) -> None:
    """An upgrade that adds a service doesn't lock out the rest."""
    before = load_passwords(load_settings(home=tmp_path))
    kept = json.loads((tmp_path / "secrets.json").read_text())
    del kept["auditor"]
    (tmp_path / "secrets.json").write_text(json.dumps(kept))

    after = load_passwords(load_settings(home=tmp_path))

    assert before["order_service"] == after["order_service"]
    assert "" != after["auditor"] != before["auditor"]


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    """It isn't silently replaced: the embedded server's password would be gone."""
    (tmp_path / "secrets.json").write_text("{")

    with pytest.raises(StackError, match=r"secrets\.json"):
        load_passwords(load_settings(home=tmp_path))


def test_the_verifier_is_the_one_of_the_standard() -> None:
    """RFC 7677's example: password `pencil`, its salt, 4096 rounds."""
    verifier = scram_verifier("pencil", b"[m\x99h\x9d\x12\x35\x8e\xec\xa0K\x14\x126\xfa\x81")

    assert verifier == (
        "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
        "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="
    )
