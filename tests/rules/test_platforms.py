"""Platforms: how long a text is, as each platform counts it, and how a post reads there."""

from __future__ import annotations

import socket
import time
import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from campaigns.model.vocabulary import PLATFORMS, Platform
from campaigns.rules.text.limits.platforms import (
    TextSize,
    cashtags_in,
    handles_in,
    hashtags_in,
    length_note,
    links_in,
    measured,
    platform_rules,
    rendered_text,
    text_length,
)
from campaigns.rules.text.limits.x_length import weighted_length, x_urls
from tests.rules.posts import words

LINK = "https://fernwood.example/harvest"

# Text that is made of what the counters treat apart.
SCRAPS = "a é e\u0301 漢 … 😀 🙋🏽 👨‍👩‍👧‍👦 1️⃣ © #x @y [z] . / https:// example.com - _"
pieces = st.sampled_from([*SCRAPS.split(" "), " ", "\n"])
texts = st.one_of(st.text(max_size=60), st.lists(pieces, max_size=12).map("".join))
platforms = st.sampled_from(PLATFORMS)


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("a" * 280, 280),
        ("a" * 281, 281),
        ("https://t.co", 23),
        ("https://example.com/" + "p" * 117, 23),
        ("example.com", 23),
        ("foo.dev", 23),
        ("readme.md", 23),
        ("node.js", 7),
        ("me@example.com", 14),
        ("http://127.0.0.1/x", 18),
        ("http://localhost:8080", 21),
        ("😀", 2),
        ("🙋🏽", 2),
        ("👨‍👩‍👧‍👦", 2),
        ("🇩🇪", 2),
        ("1️⃣", 2),
        ("❤", 2),
        ("…", 2),
        ("•", 2),
        ("€", 2),
        ("™", 2),
        ("→", 2),
        ("“”", 2),
        ("see https://example.com.", 28),
        ("(https://example.com/a)", 25),
        ("漢字", 4),
        ("안녕", 4),
        ("привет", 6),
        ("مرحبا", 5),
        ("สวัสดี", 6),
        ("e\u0301", 1),
        ("ﬁ", 2),
        ("𝗼𝘁", 4),
        ("—", 1),
        ("https://münchen.de/x", 23),
        ("https://example.com/a https://example.com/b", 47),
    ],
)
def test_x_weighs_the_golden_vectors(text: str, weight: int) -> None:
    assert text_length("twitter", text) == weight


@pytest.mark.parametrize(
    ("text", "weight"),
    [
        ("", 0),
        ("Test https://test.com test https://test.com test.com test", 86),
        ("😀😀", 4),
        ("😀\u200d😀", 5),  # joined, but no emoji that exists
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
        ("🇩", 2),  # half a flag
        ("©", 1),
        ("©\ufe0f", 2),  # shown as an emoji
        ("☕\ufe0f ⚡\ufe0f 🈚\ufe0f", 8),  # emojis with and without the selector
        ("👍\ufe0f ✅\ufe0f", 9),  # these are none with it
        ("👩‍❤️‍👩 ❤️\u200d", 6),  # whole in a sequence, and before a joiner that joins nothing
        ("\u10ff\u1100", 3),  # the edge of the first light range
        ("\u200d\u200e", 3),
        ("\u2010\u201f\u2020", 4),
        ("\u2032\u2037\u2038", 4),
        ("https://example.com/😀", 25),  # an emoji ends the address
        ("example.vermögensberater", 23),  # begins in ASCII and does not end there
        ("example.рф, example.みんなの", 50),  # a letter that is not ASCII may follow
        ("example.com漢 example.com@ example.comx", 51),  # other letters end a domain; @ and letters of it do not
    ],
)
def test_x_weighs_what_stands_at_the_edges_of_its_rules(text: str, weight: int) -> None:
    assert text_length("twitter", text) == weight


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("text http://en.wikipedia.org/wiki/Primer_(film)", ["http://en.wikipedia.org/wiki/Primer_(film)"]),
        ("Go to http://example.com/a+ or http://example.com/a-", ["http://example.com/a+", "http://example.com/a-"]),
        ("foo.baz foo.co.jp www.xxxxxxx.baz www.foo.co.uk foo.comm", ["foo.co.jp", "www.foo.co.uk"]),
        (
            "http://twitter.com/これは日本語です。example.com中国語http://t.co/abcde한국twitter.com",
            ["http://twitter.com/", "example.com", "http://t.co/abcde", "twitter.com"],
        ),
        ("twitter.comこれは日本語です。example.com中国語t.co/abcde", ["twitter.com", "example.com", "t.co/abcde"]),
        ("Go to http://twitter.com/Русские_слова", ["http://twitter.com/Русские_слова"]),
        ("text http://foo.com?#foo text", ["http://foo.com?#foo"]),
        ("HTTPS://www.ExaMPLE.COM/index.html", ["HTTPS://www.ExaMPLE.COM/index.html"]),
        ("http://somehost.com:3000", ["http://somehost.com:3000"]),
        ("https://t.co/abc/more", ["https://t.co/abc"]),
        ("https://t.co/" + "a" * 41, []),
        ("http://twitter-.com", []),
        ("test http://-leadingdash.twitter.com", []),
        ("text http://domain-dash_2314352345_dfasd.foo-cow_4352.com", []),
        ("a_b.com", []),
        ("user@example.com", []),
        ("#example.com $example.com", []),
        ("example.com-typo", []),
        ("漢字.com", []),
        ("https://漢字.com", ["https://漢字.com"]),
        ("x" * 64 + ".com", []),
        ("xn--80ak6aa92e.com", ["xn--80ak6aa92e.com"]),
        ("\x01.com", []),
        ("no dots here", []),
    ],
)
def test_x_links_what_its_grammar_says(text: str, addresses: list[str]) -> None:
    assert [text[start:end] for start, end in x_urls(text)] == addresses


@pytest.mark.parametrize(
    ("platform", "text", "length"),
    [
        ("linkedin", "plain text", 10),
        ("linkedin", "\\|{}@[]()<>#*_~", 30),
        ("linkedin", "#tag @name", 12),
        ("linkedin", "😀", 2),
        ("linkedin", "e\u0301", 1),
        ("instagram", "😀#x", 4),
        ("instagram", "e\u0301", 1),
        ("facebook", "https://example.com", 19),
        ("facebook", "👨‍👩‍👧‍👦", 11),
        ("threads", "a" * 500, 500),
        ("threads", "été 😀", 8),
        ("threads", "👨‍👩‍👧‍👦", 25),
        ("bluesky", "👨‍👩‍👧‍👦 ok", 4),
        ("bluesky", "e\u0301 மு", 3),
        ("mastodon", "See https://example.com/" + "a" * 60, 27),
        ("mastodon", "example.com", 11),  # without a protocol it is no link there
        ("mastodon", "Thanks @ines@social.example!", 13),
        ("mastodon", "me@example.com", 14),
    ],
)
def test_other_platforms_count_as_their_files_say(platform: Platform, text: str, length: int) -> None:
    assert text_length(platform, text) == length


@settings(max_examples=300)
@given(platform=platforms, text=texts)
@example("twitter", "example.com")
def test_a_text_is_as_long_as_its_normal_form(platform: Platform, text: str) -> None:
    assert text_length(platform, text) == text_length(platform, unicodedata.normalize("NFC", text))
    assert text_length(platform, text) == text_length(platform, unicodedata.normalize("NFD", text))


@settings(max_examples=300)
@given(platform=platforms, text=texts)
def test_a_length_is_within_what_its_characters_allow(platform: Platform, text: str) -> None:
    points = len(unicodedata.normalize("NFC", text))
    length = text_length(platform, text)

    if platform == "twitter":
        # An address can make a text heavier (a.co is 4 characters) as well as lighter.
        assert 0 <= length <= max(2 * points, 23 * points)
        assert (length == 0) == (points == 0)
    elif platform == "linkedin":
        assert points <= length <= 3 * points
    elif platform in {"instagram", "facebook"}:
        assert points <= length <= 2 * points
    elif platform == "threads":
        assert points <= length <= 4 * points
    elif platform == "bluesky":
        assert length <= points
    else:
        assert length <= 23 * points


@settings(max_examples=300)
@given(one=texts, other=texts)
def test_what_a_line_break_parts_is_counted_apart(one: str, other: str) -> None:
    one = one.replace("\r", "")  # with the break it would be one; texts are stored without
    for platform in PLATFORMS:
        # With the break: at the very start of a text twitter-text takes Ü for the character before ber.de.
        both = text_length(platform, one) + text_length(platform, f"\n{other}")
        assert text_length(platform, f"{one}\n{other}") == both


@given(one=texts, other=texts, platform=st.sampled_from(["linkedin", "instagram", "facebook", "bluesky"]))
def test_joined_texts_are_at_most_as_long_as_both(one: str, other: str, platform: Platform) -> None:
    assert text_length(platform, one + other) <= text_length(platform, one) + text_length(platform, other)


@pytest.mark.parametrize(
    "text",
    ["é." * 30_000 + "-.com", "é" * 60_000 + "-.com", "a.com.-." * 8000, "http://a.com/" + "." * 60_000],
    ids=["labels", "one label", "breaks", "path"],
)
def test_hostile_texts_are_counted_in_seconds(text: str) -> None:
    text_length("twitter", "example.com")  # the lists are open
    before = time.process_time()

    text_length("twitter", text)

    assert time.process_time() - before < 10


def test_counting_needs_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise AssertionError("a connection was opened")

    from campaigns.rules.text.limits import x_length

    x_length._known_domains.cache_clear()
    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr(socket, "getaddrinfo", refused)

    assert text_length("twitter", "example.com") == 23


# --- the data file ------------------------------------------------------------------------------------


def test_the_limits_are_those_of_the_platforms() -> None:
    limits = {platform: platform_rules(platform) for platform in PLATFORMS}

    assert {name: rules.text_limit for name, rules in limits.items()} == {
        "twitter": 280,
        "linkedin": 3000,
        "instagram": 2200,
        "facebook": 63_206,
        "threads": 500,
        "bluesky": 300,
        "mastodon": 500,
    }
    assert {name: rules.hashtags.most for name, rules in limits.items()} == {
        "twitter": 2,
        "linkedin": 3,
        "instagram": 5,
        "facebook": 2,
        "threads": 1,
        "bluesky": 2,
        "mastodon": 3,
    }
    assert (limits["twitter"].hashtags.cap, limits["twitter"].mentions.cap, limits["twitter"].urls.cap) == (50, 50, 10)
    assert (limits["instagram"].mentions.cap, limits["twitter"].cashtag_cap) == (20, 1)
    assert {name: rules.fold for name, rules in limits.items()} == {
        "twitter": None,
        "linkedin": 210,
        "instagram": 125,
        "facebook": 480,
        "threads": None,
        "bluesky": None,
        "mastodon": None,
    }
    assert [name for name, rules in limits.items() if rules.media.required] == ["instagram"]
    assert [name for name, rules in limits.items() if not rules.urls.clickable] == ["instagram"]
    assert {name: rules.alt_text_limit for name, rules in limits.items()} == {
        "twitter": 1000,
        "linkedin": 4086,
        "instagram": 1000,
        "facebook": None,
        "threads": 1000,
        "bluesky": 2000,
        "mastodon": 1500,
    }
    assert all(0 < rules.target_length <= rules.text_limit for rules in limits.values())


def test_a_post_on_bluesky_has_3000_bytes_too() -> None:
    family = "👨‍👩‍👧‍👦"  # one grapheme, 25 bytes

    assert measured("bluesky", "a" * 301) == TextSize(301, 300)
    assert measured("bluesky", family * 120) == TextSize(120, 300)
    assert measured("bluesky", family * 121) == TextSize(3025, 3000, "bytes")
    assert measured("bluesky", family * 301) == TextSize(301, 300)


def test_a_length_is_told_in_words() -> None:
    assert length_note("twitter", TextSize(271, 280)) == "271 of 280 characters as X counts them"


# --- what stands in a text ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "links"),
    [
        (f"see ({LINK}).", [LINK]),  # .example is no top-level domain, but this is an address
        ("https://a.com/x_(y), and foo.dev/z!", ["https://a.com/x_(y)", "foo.dev/z"]),
        ("“https://a.com”", ["https://a.com"]),
        ("me@a.com", []),
    ],
)
def test_links_are_found_without_their_punctuation(text: str, links: list[str]) -> None:
    assert [text[start:end] for start, end in links_in(text)] == links


def test_hashtags_handles_and_cashtags_are_found_where_they_are_some() -> None:
    text = "#coffee #1 https://x.com/#top ça#no #ça &#39; @fernwood. me@x.com https://x.com/@u $AAPL a$b $5"

    assert [tag for tag, _ in hashtags_in(text)] == ["coffee", "ça"]
    assert [handle for handle, _ in handles_in(text)] == ["fernwood"]
    assert [tag for tag, _ in cashtags_in(text)] == ["AAPL"]
    assert handles_in("hi @[Acme Ltd](urn:li:organization:12)") == [("Acme Ltd", (3, 38))]


# --- what is published --------------------------------------------------------------------------------


def test_a_post_is_published_with_its_link_and_hashtags() -> None:
    content = words("Read this.", hashtags=["coffee", "#Huila"], mentions=["fernwood"], link=LINK)

    assert rendered_text("twitter", content) == f"Read this.\n\n{LINK}\n\n@fernwood #coffee #Huila"
    assert rendered_text("linkedin", content) == f"Read this.\n\n{LINK}\n\n#coffee #Huila"
    assert rendered_text("facebook", content) == f"Read this.\n\n{LINK}\n\n#coffee #Huila"
    # The link goes into the profile: in a caption nobody can follow it.
    assert rendered_text("instagram", content) == "Read this.\n\n@fernwood #coffee #Huila"


def test_what_the_text_says_is_not_said_twice() -> None:
    content = words(
        f"Read {LINK}/ by @Fernwood #Coffee", hashtags=["coffee", "coffee"], mentions=["fernwood"], link=LINK
    )

    assert rendered_text("twitter", content) == content.text


def test_a_post_without_extras_is_its_text() -> None:
    for platform in PLATFORMS:
        assert rendered_text(platform, words("Just this.")) == "Just this."


# --- hashtags, mentions and links as the platforms take them ------------------------------------------------


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#महात्मा #தமிழ் #ที่นี่ #বাংলা", ["महात्मा", "தமிழ்", "ที่นี่", "বাংলা"]),
        ("#می‌خواهم #il·lusió #ラーメン・つけ麺", ["می‌خواهم", "il·lusió", "ラーメン・つけ麺"]),
        ("#a1 #1a #_x #2027 #️⃣ &#39; a#b", ["a1", "1a", "_x"]),
        ("#tag. #tag, (#tag)", ["tag", "tag", "tag"]),
        ("#a#b #c://d", []),
        ("❤️#love ☕️＃kaffee 👩‍👩‍👧#family 🇵🇹#lisboa 👍🏽#fine", ["love", "kaffee", "family", "lisboa", "fine"]),
        ("1️⃣#none #️⃣ x#none é#none &#none ·#none _#none", []),
        ("##two /#slash “#quoted” (#round)！#ended", ["two", "slash", "quoted", "round", "ended"]),
        ("#𝒳1 #𠮷野家 #１２ #٣٤ #٣a", ["𝒳1", "𠮷野家", "٣a"]),
        ("#com·posta #a\u200db #a\u00adb #über-uns", ["com·posta", "a\u200db", "a", "über"]),
        ("コーヒー#豆、 커피#원두. 写真は＃朝です", []),
        ("http://fernwood.example/#tag http://fernwood.example#tag", []),
    ],
)
def test_a_hashtag_is_a_whole_word_of_any_script(text: str, tags: list[str]) -> None:
    assert [tag for tag, _ in hashtags_in(text)] == tags


@pytest.mark.parametrize(
    ("text", "on_x", "elsewhere"),
    [
        ("写真は@coffeequeenさんから", ["coffeequeen"], ["coffeequeen"]),
        ("great.@stranger", ["stranger"], ["stranger"]),
        ("RT@stranger", ["stranger"], []),
        ("@_@ f!@kn @test@example.com a.b@c.com", [], []),
        ("@acme.com", ["acme"], ["acme.com"]),
        ("Thanks to @a and @b.", ["a", "b"], ["a", "b"]),
        ("@a_b/team", ["a_b"], ["a_b"]),
        ("❤️@fern 👩‍👩‍👧@fern 🇵🇹@fern 1️⃣@fern", ["fern"] * 4, ["fern"] * 4),
        ("é@fern （＠fern） “@fern” @fern's", ["fern"] * 4, ["fern"] * 4),
        ("x@fern _@fern $@fern %@fern *@fern #@fern &@fern", [], []),
        ("@café @fernạ @fern\u0301 @fern@other @fern://x", [], ["caf", "fern", "fern", "fern"]),
        ("@fern/list@other @fern/list://x", [], ["fern", "fern"]),
        ("rt @fern .rt:@other +rt@none", ["fern", "other"], ["fern", "other"]),
        ("@" + "f" * 25, ["f" * 20], ["f" * 25]),
        ("user@mail.com, jane.doe+x@mail.co.uk", [], []),
        ("https://social.com/@fern", [], []),
    ],
)
def test_a_mention_is_what_the_platform_takes_for_one(text: str, on_x: list[str], elsewhere: list[str]) -> None:
    assert [handle for handle, _ in handles_in(text, "twitter")] == on_x
    assert [handle for handle, _ in handles_in(text, "instagram")] == elsewhere


def test_on_x_the_first_of_a_tag_and_an_address_wins() -> None:
    assert [tag for tag, _ in hashtags_in("#readme.md #münchen.de", "twitter")] == ["readme", "münchen"]
    assert [handle for handle, _ in handles_in("https://@fern é＠acme.com", "twitter")] == ["fern", "acme"]
    assert hashtags_in("https://fernwood.com/#tag example.com/a#tag", "twitter") == []


@pytest.mark.parametrize(
    ("text", "tags"),
    [
        ("#coffee, #filter-coffee! (#no) #2027 #a", ["coffee", "filter-coffee", "a"]),
        ("a#b #महात्मा #" + "x" * 65, ["महात्मा"]),
    ],
)
def test_a_hashtag_on_bluesky_goes_up_to_a_space(text: str, tags: list[str]) -> None:
    assert [tag for tag, _ in hashtags_in(text, "bluesky")] == tags


@pytest.mark.parametrize(
    ("text", "on_bluesky", "on_mastodon"),
    [
        ("Thanks @fernwood.bsky.social.", ["fernwood.bsky.social"], ["fernwood.bsky.social"]),
        ("Thanks @fernwood (@ines@social.example)", [], ["fernwood", "ines@social.example"]),
        ("me@example.com and x@y@z", [], []),
        ("https://social.example/@ines", [], []),
    ],
)
def test_a_mention_may_be_a_host_or_name_a_server(text: str, on_bluesky: list[str], on_mastodon: list[str]) -> None:
    assert [handle for handle, _ in handles_in(text, "bluesky")] == on_bluesky
    assert [handle for handle, _ in handles_in(text, "mastodon")] == on_mastodon


@pytest.mark.parametrize(
    ("text", "links"),
    [
        ("http://example.comいまなに", ["http://example.com"]),
        ("[https://fernwood.example/a]", ["https://fernwood.example/a"]),
        ("{https://fernwood.example/b}", ["https://fernwood.example/b"]),
        ("https://fernwood.example’s coffee", ["https://fernwood.example"]),
        ("hello@fernwood.co.uk", []),
        ("https://fernwood.example:8080/a?b=c#d.", ["https://fernwood.example:8080/a?b=c#d"]),
        (
            "(https://fernwood.example/a_(b)) https://fernwood.example/c!",
            [
                "https://fernwood.example/a_(b)",
                "https://fernwood.example/c",
            ],
        ),
        ("https://münchen.de/käse, https://例え.jp。", ["https://münchen.de/käse", "https://例え.jp"]),
        ("https://fernwood.example…", ["https://fernwood.example"]),
    ],
)
def test_a_link_ends_where_its_text_goes_on(text: str, links: list[str]) -> None:
    assert [text[start:end] for start, end in links_in(text)] == links


@pytest.mark.parametrize(("text", "weight"), [("Write to jane.doe@company.com.au", 32), ("https://t.co/abc?amp=1", 23)])
def test_x_weighs_no_address_behind_a_handle_and_all_of_a_short_one(text: str, weight: int) -> None:
    assert weighted_length(text) == weight
