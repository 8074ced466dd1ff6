"""What is stated about a file travels in ASCII, and comes back as it was."""

import pytest

from clinrisk.core.training.file_statements import LONGEST_DESCRIPTION, metadata_of, statements_of


@pytest.mark.parametrize("synthetic", [True, False])
@pytest.mark.parametrize("description", ["", "Universitätsklinik, 2019", "50% of ward 7: (a-b), it's"])
def test_a_statement_comes_back_as_it_was(description: str, *, synthetic: bool) -> None:
    carried = metadata_of(description, synthetic=synthetic)
    assert all(value.isascii() for value in carried.values())
    assert statements_of(carried) == (description, synthetic)


def test_nothing_stated_is_no_metadata() -> None:
    assert metadata_of(" ", synthetic=False) == {}
    assert metadata_of("", synthetic=True) == {"synthetic": "yes"}


def test_a_description_is_one_line_and_is_cut_where_it_is_too_long() -> None:
    assert statements_of(metadata_of("two\n  lines", synthetic=False)) == ("two lines", False)
    assert statements_of({"description": "x" * 600}) == ("x" * LONGEST_DESCRIPTION, False)
    assert LONGEST_DESCRIPTION == 500
