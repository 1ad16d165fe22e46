"""What renders the manifests: what is there already, if it is new enough."""

from pathlib import Path

import pytest

from devstack.programs.go_build import version_numbers
from devstack.settings import StackSettings, load_settings
from tests.programs.kustomize import (
    PROGRAM,
    ensure_kustomize,
    find_kustomize,
    kustomize_cache,
    pinned_kustomize,
    render,
)

pytestmark = pytest.mark.unit

GO = """#!/bin/sh
case "$1 $2" in
"env GOVERSION") echo go1.99.0 ;;
"env "*) echo /tmp ;;
*) echo x > "$GOBIN/kustomize" ;;
esac
"""


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StackSettings:
    """Settings of a machine that has neither kustomize nor kubectl, but a Go."""
    script(tmp_path / "bin" / "go", GO)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    return load_settings(home=tmp_path / "shop")


def script(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


def a_kubectl(tmp_path: Path, kustomize: str) -> Path:
    return script(tmp_path / "bin" / "kubectl", f'#!/bin/sh\necho \'{{"kustomizeVersion": "{kustomize}"}}\'\n')


def test_the_pin_is_read_from_go_mod() -> None:
    """The one place where its version is written."""
    assert version_numbers(pinned_kustomize()) >= (5, 8)


def test_a_missing_one_is_built_once(settings: StackSettings) -> None:
    """And found afterwards."""
    assert find_kustomize(settings) is None

    built = ensure_kustomize(settings, lambda _line: None)

    assert (str(kustomize_cache(settings) / PROGRAM), "build") == built
    assert find_kustomize(settings) == built


def test_kubectl_is_taken_if_it_holds_a_new_one(settings: StackSettings, tmp_path: Path) -> None:
    """Its own version says nothing of it."""
    kubectl = a_kubectl(tmp_path, "v4.5.7")
    assert find_kustomize(settings) is None

    a_kubectl(tmp_path, "v5.5.0")

    assert (str(kubectl), "kustomize") == find_kustomize(settings)


def test_kustomize_goes_before_kubectl(settings: StackSettings, tmp_path: Path) -> None:
    """It says its version in its own way."""
    a_kubectl(tmp_path, "v5.5.0")
    alone = script(tmp_path / "bin" / "kustomize", '#!/bin/sh\ntest "$1" = version && echo v5.8.0\n')

    assert (str(alone), "build") == find_kustomize(settings)


def test_rendering_gives_the_folder(tmp_path: Path) -> None:
    """And what it prints is the manifests."""
    program = script(tmp_path / "kustomize", '#!/bin/sh\necho "$1 $2"\n')

    assert render((str(program), "build"), tmp_path) == f"build {tmp_path}\n"
