"""Tables with a row for each epoch: cut anywhere, whole rows are what is read."""

import pytest

from keras_concrete.experiments.epoch_table import EpochTable

HEADER = b"epoch,bound,val_bound\r\n"
ROWS = [b"0,-5.25,-6.0\r\n", b"1,-4.5,-5.0\r\n", b"2,-3.75,-4.5\r\n"]
CONTENT = HEADER + b"".join(ROWS)


@pytest.fixture
def table(tmp_path):
    return EpochTable(tmp_path / "history.csv", "bound", "val_bound")


def test_cut_at_any_byte_it_reads_the_rows_that_are_whole(table):
    for end in range(len(CONTENT) + 1):
        table.path.write_bytes(CONTENT[:end])
        whole = max(0, CONTENT[:end].count(b"\r\n") - 1)
        assert table.columns().get("epoch", []) == list(range(whole))
        assert table.columns().get("val_bound", []) == [-6.0, -5.0, -4.5][:whole]


@pytest.mark.parametrize("num_epochs", [0, 1, 2, 3])
def test_a_full_disk_leaves_a_surplus_that_is_cut_without_a_word(table, num_epochs):
    """Rows are written before the model is, so that the table is never behind."""
    kept = HEADER + b"".join(ROWS[:num_epochs])
    for end in range(len(kept), len(CONTENT) + 1):
        table.path.write_bytes(CONTENT[:end])
        assert not table.keep(num_epochs)
        assert table.path.read_bytes() == kept
    assert [path.name for path in table.path.parent.iterdir()] == ["history.csv"]


def test_without_a_file_nothing_is_kept_or_made(table):
    assert table.columns() == {}
    assert not table.keep(3)
    assert not table.path.exists()


@pytest.mark.parametrize(
    ("content", "kept"),
    [
        (HEADER + b"x\r\n" + CONTENT[len(HEADER) :], CONTENT),
        (CONTENT.replace(b"-4.5,-5.0", b"-4.5,"), HEADER + ROWS[0] + ROWS[2]),
        (CONTENT.replace(b"-4.5,-5.0", b"\xff,-5.0"), HEADER + ROWS[0] + ROWS[2]),
        (CONTENT.replace(b"1,", b"nan,"), HEADER + ROWS[0] + ROWS[2]),
        (CONTENT.replace(b"1,", b"-1,"), HEADER + ROWS[0] + ROWS[2]),
        (CONTENT.decode().encode("utf-16"), b""),
        (b"\x00" * 100 + b"\n", b""),
        (b"epoch,bound\r\n0,1\r\n", b""),
        (b"epoch,epoch,bound,val_bound\r\n0,0,1,1\r\n", b""),
        (b'"' + b"x" * 200_000 + b"\n", b""),
    ],
)
def test_what_is_no_row_is_left_out_and_kept_elsewhere(table, content, kept):
    table.path.write_bytes(content)
    table.columns()
    assert table.keep(3)
    assert table.path.read_bytes() == kept
    assert (table.path.parent / "damaged-history.csv").read_bytes() == content
    assert not table.keep(3)
