"""The notation of belief networks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keras_concrete.networks.notation import Architecture, parse_architecture

units = st.integers(1, 5000)


@given(st.lists(st.tuples(units, st.sampled_from("-~")), min_size=1, max_size=6), units)
def test_the_notation_round_trips_at_any_depth_and_width(latents, visible):
    notation = "".join(f"{u}H{link}" for u, link in latents) + f"{visible}V"
    parsed = parse_architecture(notation)
    assert str(parsed) == notation
    assert parsed.latent_units == tuple(u for u, _ in latents)
    assert parse_architecture(f" ( {notation} ) ") == parsed


@given(
    st.integers(1, 5000),
    st.lists(st.tuples(st.sampled_from("-~"), units), min_size=1, max_size=6),
    st.sampled_from("-~"),
    units,
)
def test_a_visible_layer_on_the_left_is_a_context(context, latents, last, visible):
    hidden = "".join(f"{link}{u}H" for link, u in latents)
    notation = f"{context}V{hidden}{last}{visible}V"
    parsed = parse_architecture(notation)
    assert str(parsed) == notation
    assert parsed == Architecture(
        latent_units=tuple(u for _, u in latents),
        visible_units=visible,
        links=(*(link for link, _ in latents), last),
        context_units=context,
    )
    assert parse_architecture(f"({notation})") == parsed
    without = parse_architecture(notation[notation.index(hidden) + 1 :])
    assert without.context_units is None and without.links == parsed.links[1:]


@pytest.mark.parametrize(
    ("notation", "is_linear"),
    [("2H-3V", True), ("2V-2H-3V", True), ("2V~2H-3V", False), ("2V-2H~3V", False)],
)
def test_linear_networks_have_no_tanh_layers(notation, is_linear):
    assert parse_architecture(notation).is_linear is is_linear


def test_brackets_and_spaces_do_not_matter():
    expected = Architecture((200, 100), 784, ("-", "~"))
    for notation in ("200H-100H~784V", "(200H-100H~784V)", "( 200H - 100H ~ 784V )"):
        assert parse_architecture(notation) == expected


@pytest.mark.parametrize(
    ("notation", "position", "expected"),
    [
        ("", 0, "a number of units"),
        ("200H?784V", 4, "'-' or '~'"),
        ("200~784V", 3, "'H' or 'V'"),
        ("200H~784", 8, "'H' or 'V'"),
        ("200H~", 5, "a number of units"),
        ("0H~784V", 0, "a number of units"),
        ("200H~784V-10H", 9, "the end"),
        ("(200H~784V", 10, "')'"),
        ("200H~784V)", 9, "the end"),
        ("784V", 3, "at least one hidden layer"),
        ("392V-392V", 8, "at least one hidden layer"),
        ("392V", 3, "at least one hidden layer"),
        ("392V-240H-392V-10H", 14, "the end"),
        ("392V-240H-", 10, "a number of units"),
        ("392V240H-392V", 4, "'-' or '~'"),
        ("(392V)", 4, "at least one hidden layer"),
        ("200h~784V", 3, "'H' or 'V'"),
    ],
)
def test_errors_point_at_the_offending_character(notation, position, expected):
    with pytest.raises(ValueError) as raised:
        parse_architecture(notation)
    message = str(raised.value)
    assert f"{expected}" in message and f"at position {position}" in message
    *_, text, pointer = message.splitlines()
    assert text == f"    {notation}" and pointer == f"    {' ' * position}^"


def test_what_is_not_a_string_is_refused():
    with pytest.raises(ValueError, match="must be a string"):
        parse_architecture(784)
