"""What students can check themselves."""

from autograder import checks, criterion

TEXT = "Don't panic: the answer's 42, the ANSWER is 42_000!"


@criterion("words", points=2, title="finds the words", hint="A regular expression, re.findall.")
def test_words_found(student):
    assert student.words("Hello, world") == ["hello", "world"]
    assert student.words(TEXT) == ["don't", "panic", "the", "answer's", "42", "the", "answer", "is", "42", "000"]
    assert student.words("") == []


@criterion("words", points=2, title="numbers the frequent words", needs="words.found")
def test_words_vocabulary(student):
    known, rare = student.vocabulary(["a b a", "c b, a. d"], 2)
    assert known == {"a": 0, "b": 1}
    assert list(known) == ["a", "b"]
    assert rare == {"c", "d"}


@criterion("pairs", points=2, title="counts pairs of neighbours", hint="zip(tokens, tokens[1:])")
def test_pairs_counted(student):
    pairs = student.count_pairs(list("abcab"))
    checks.assert_equal(pairs, {("a", "b"): 2, ("b", "c"): 1, ("c", "a"): 1}, name="pairs")
    assert student.count_pairs(["a"]) == {}


@criterion("pairs", points=2, title="joins a pair")
def test_pairs_merged(student):
    assert student.merge(list("abcab"), ("a", "b")) == ["ab", "c", "ab"]
    assert student.merge(list("aaaaa"), ("a", "a")) == ["aa", "aa", "a"]
    checks.assert_unchanged(student.merge, list("abc"), ("a", "b"))


@criterion("pairs", points=2, title="learns the most frequent pairs", needs="pairs.merged")
def test_pairs_learned(student):
    checks.assert_equal(student.learn("low lower lowest", 3), [("l", "o"), ("lo", "w"), (" ", "low")])
    assert student.learn("abc", 5) == []


@criterion("tokenizer", points=1, title="knows its tokens", hint="__len__ and __contains__.")
def test_tokenizer_vocabulary(student):
    tokenizer = student.Tokenizer([("a", "b"), ("ab", "c")])
    assert len(tokenizer) == 258
    assert "abc" in tokenizer
    assert "bc" not in tokenizer
    assert tokenizer.vocabulary >= {"a", "z", "ab", "abc"}


@criterion("tokenizer", points=2, title="encodes and decodes", needs="tokenizer.vocabulary")
def test_tokenizer_there_and_back(student):
    tokenizer = student.Tokenizer([("a", "b"), ("ab", "c")])
    encoded = tokenizer.encode("abcabd")
    assert encoded.ids == [257, 256, ord("d")]
    assert encoded.tokens == ["abc", "ab", "d"]
    ids, _ = encoded
    assert tokenizer.decode(ids) == "abcabd"
