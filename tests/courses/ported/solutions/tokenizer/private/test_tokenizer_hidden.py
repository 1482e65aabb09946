"""What decides besides."""

import pytest
import torch

from autograder import checks, criterion


def text_of(rng, length, letters="abc "):
    return "".join(letters[i] for i in torch.randint(0, len(letters), (length,), generator=rng))


@criterion(
    "words", points=1, title="other letters", needs="words.found", hint=r"\w knows the letters of all languages."
)
def test_words_letters(student):
    found = student.words("Élan naïve ÜBER — 你好 snake_case")
    checks.assert_equal(found, ["élan", "naïve", "über", "你好", "snake", "case"])


@criterion("words", points=1, title="other texts, other limits", needs="words.vocabulary")
@pytest.mark.parametrize("least", [1, 3])
def test_words_other(student, reference, rng, least):
    texts = [text_of(rng, 40) for _ in range(4)]
    known, rare = student.vocabulary(texts, least)
    right, others = reference.vocabulary(texts, least)
    checks.assert_equal(list(known.items()), list(right.items()), name="list(known.items())")
    checks.assert_equal(rare, others, name="the other words")
    assert not known.keys() & rare


@criterion("pairs", points=3, title="learns from other texts", needs="pairs.learned", hint="Ties go by the alphabet.")
def test_pairs_other(student, reference, rng):
    for length in (0, 1, 60):
        text = text_of(rng, length)
        checks.assert_equal(student.learn(text, 12), reference.learn(text, 12))


@criterion("tokenizer", points=2, title="encodes other texts", needs="tokenizer.there_and_back")
def test_tokenizer_other(student, reference, rng):
    merges = reference.learn(text_of(rng, 80), 10)
    tokenizer, right = student.Tokenizer(merges), reference.Tokenizer(merges)
    text = text_of(rng, 30)
    checks.assert_equal(tuple(tokenizer.encode(text)), tuple(right.encode(text)), name="tokenizer.encode(text)")
    assert tokenizer.decode(tokenizer.encode(text).ids) == text
    checks.assert_equal(tokenizer.vocabulary, right.vocabulary, name="tokenizer.vocabulary")


@criterion("tokenizer", points=2, title="equal by their merges", needs="tokenizer.vocabulary", hint="__eq__")
def test_tokenizer_equal(student):
    one = student.Tokenizer([("a", "b")])
    assert one == student.Tokenizer([["a", "b"]])
    assert one != student.Tokenizer([("b", "a")])
    assert one != "ab"


@criterion(
    "tokenizer", points=2, title="learns by itself, and refuses other characters", needs="tokenizer.there_and_back"
)
def test_tokenizer_learned(student):
    tokenizer = student.Tokenizer.learned("low lower lowest", 2)
    assert isinstance(tokenizer, student.Tokenizer)
    assert tokenizer == student.Tokenizer([("l", "o"), ("lo", "w")])
    assert tokenizer.encode("ÿ").ids == [255]
    for beyond in ("Ā", "low 你好"):
        with pytest.raises(ValueError):
            tokenizer.encode(beyond)
    assert b"low".decode() in tokenizer
