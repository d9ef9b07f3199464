"""Points in a grid of characters; the expected pictures are drawn by hand."""

from search.cli.scatter import Axis, Mark, scatter_lines

X, Y = Axis(title="bytes", value_format=".0f"), Axis(title="clean", value_format=".1f")


def drawn(*points: tuple[float, float, str]) -> list[str]:
    marks = [Mark(x=x, y=y, character=character) for x, y, character in points]
    return scatter_lines(marks, x_axis=X, y_axis=Y, width=31, height=3)


def test_corners_and_middle_are_where_they_belong():
    assert drawn((0, 0.0, "a"), (10, 1.0, "b"), (5, 0.5, "c")) == [
        "clean",
        "      1.0 |                   b",
        "          |          c",
        "      0.0 |a",
        "          +--------------------",
        "           0      bytes      10",
    ]


def test_last_mark_of_a_place_is_seen():
    assert "b" in drawn((0, 0.0, "a"), (0, 0.0, "b"), (1, 1.0, "c"))[3]


def test_single_point_stands_in_the_middle():
    assert drawn((100, 0.5, "o"))[2] == "          |          o"
