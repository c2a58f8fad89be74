"""The writing system of texts."""

import pytest

from utils.text.scripts import is_written_without_spaces, writing_system


@pytest.mark.parametrize(
    ("texts", "system", "without_spaces"),
    [
        (["Where was Ada born?", "Müller"], "Latin", False),
        (["Где родилась Анна?"], "Cyrillic", False),
        (["मीना दिल्ली में रहती है"], "Devanagari", False),
        (["أين ولد محمد؟"], "Arabic", False),
        (["서울은 어디에 있습니까?"], "Hangul", False),
        (["สมชายเกิดที่ไหน"], "Thai", True),
        (["王明在哪里出生？", "他说王华和王明都喜欢“カ”"], "Han", True),
        (["東京タワーはどこにありますか"], "Japanese", True),
        (["カタカナ"], "Japanese", True),
        (["The emperor 元 of Yuan", "in 1271"], "Latin", False),
        (["王明的iPhone手机在北京大学里面"], "Han", True),
        (["12, 34", "?"], "unknown", False),
        ([], "unknown", False),
    ],
)
def test_most_letters_decide(texts, system, without_spaces):
    assert writing_system(texts) == system
    assert is_written_without_spaces(system) == without_spaces


def test_only_the_first_letters_are_looked_at():
    def endless():
        while True:
            yield "ada " * 1_000

    assert writing_system(endless()) == "Latin"
