"""The question that ends a message about an unknown name."""

from minigan.suggest import among, nearest

NAMES = ["digits", "ring", "grid"]


def test_a_misspelt_name_gets_the_most_similar_one():
    assert nearest("digitz", NAMES) == "; did you mean 'digits'?"
    assert nearest("gird", NAMES) == "; did you mean 'grid'?"


def test_a_name_like_no_other_gets_no_question():
    assert nearest("celeba", NAMES) == ""
    assert nearest("digits", []) == ""


def test_the_question_can_be_put_in_other_words():
    assert nearest("digitz", iter(NAMES), " (perhaps {!r}?)") == " (perhaps 'digits'?)"


def test_the_valid_names_follow_the_question_or_the_message():
    assert among("digitz", NAMES) == "; did you mean 'digits'? There are: digits, ring, grid"
    assert among("celeba", iter(NAMES)) == "; there are: digits, ring, grid"
