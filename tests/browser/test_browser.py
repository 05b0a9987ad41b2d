"""The browser itself: where it is missing, the tests say so and do not pass."""

import pytest

from tests.browser.conftest import find_chromium


def test_without_chromium_the_tests_fail_and_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(pytest.fail.Exception, match="apt install chromium"):
        find_chromium()
