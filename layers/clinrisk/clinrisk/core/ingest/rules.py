"""The names of the rules by which a file is rejected or a row quarantined.

A reason, as receipts count it, is a rule (`short_row`) or a rule and its column (`out_of_range:age`), never a
value. The sentence for each rule is in `rule_sentences`. Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

LONGEST_LINE = 64 * 1024
"""In bytes: a row with a longer line is quarantined, a file with a longer header rejected."""

LARGEST_FILE = 48 * 1024**3
"""In bytes: one function hashes a file and another one finds its line ends, each in at most 15 minutes."""

LARGEST_TABLE = 4 * 1024**3
"""In bytes, of a Parquet or Arrow file: one function holds it on its disk while it writes it as text."""

REJECTED_WITH_FILE = "set_aside_with_file"
"""The reason of a valid row in a rejected file."""


class FileRule(StrEnum):
    """Why a file is rejected."""

    KEY_SHAPE = "key_shape"
    KEY_CHARACTERS = "key_characters"
    KEY_TOO_LONG = "key_too_long"
    UNKNOWN_USE_CASE = "unknown_use_case"
    UNKNOWN_PURPOSE = "unknown_purpose"
    TOO_LARGE = "file_too_large"
    EMPTY = "empty_file"
    COMPRESSED = "compressed"
    SPREADSHEET = "spreadsheet"
    DOCUMENT = "document"
    HTML = "html"
    XML = "xml"
    JSON = "json"
    PICKLE = "pickle"
    DATA_FILE = "data_file"
    NOT_CSV = "not_csv"
    UTF16 = "utf16"
    NOT_UTF8 = "not_utf8"
    BINARY = "binary_content"
    LINE_TOO_LONG = "line_too_long"
    LINE_ENDS = "line_ends"
    HEADER_BELOW = "header_not_first"
    LINES_QUOTED = "lines_quoted"
    ONE_CELL_MORE = "one_cell_more"
    DELIMITER = "wrong_delimiter"
    TOO_MANY_COLUMNS = "too_many_columns"
    HEADER_ABSENT = "header_absent"
    HEADER_OF_OTHER = "header_of_other_use_case"
    COLUMNS_MISSING = "columns_missing"
    COLUMNS_MISSPELT = "columns_misspelt"
    COLUMN_UNNAMED = "column_without_name"
    COLUMNS_UNKNOWN = "columns_unknown"
    COLUMNS_REPEATED = "columns_repeated"
    LABEL_COLUMN_MISSING = "label_column_missing"
    TABLE_DAMAGED = "table_unreadable"
    TABLE_TOO_LARGE = "table_unpacks_too_large"
    TYPE_DIFFERS = "column_type_differs"
    NO_ROWS = "no_rows"
    MOSTLY_EMPTY = "mostly_empty_lines"
    WRONG_UNIT = "wrong_unit"
    TOO_MANY_BAD_ROWS = "too_many_bad_rows"
    COLUMN_EMPTY = "column_empty"
    COLUMN_SPARSE = "column_rarely_filled"
    COLUMN_CONSTANT = "column_constant"
    COLUMN_DAMAGED = "column_damaged"
    COLUMN_UNUSUAL = "column_unusual"
    CODES_SHIFTED = "codes_shifted"
    FRACTIONS_LOST = "fractions_lost"
    ROWS_LOST = "many_rows_lost"
    LOSS_DIFFERS = "lost_rows_differ"
    CHECKSUM = "checksum_differs"


class RowRule(StrEnum):
    """Why a row is quarantined."""

    SHORT_ROW = "short_row"
    LONG_ROW = "long_row"
    QUOTES = "unbalanced_quotes"
    LINE_BREAK = "line_break_in_cell"
    REPEATED_HEADER = "repeated_header"
    EMPTY_ROW = "empty_row"
    CELL_TOO_LONG = "cell_too_long"
    LINE_TOO_LONG = "line_too_long"
    CHARACTERS = "unexpected_characters"
    FORMULA = "formula"
    DECIMAL_COMMA = "decimal_comma"
    NOT_A_NUMBER = "not_a_number"
    NOT_INTEGER = "not_whole"
    OUT_OF_RANGE = "out_of_range"
    LIKELY_MARKER = "likely_missing_marker"
    UNKNOWN_CODE = "unknown_code"
    ESSENTIAL_MISSING = "essential_missing"
    LABEL_MISSING = "label_missing"
    UNKNOWN_LABEL = "unknown_label"
    ID_BLANK = "id_blank"
    ID_MALFORMED = "id_malformed"
    ID_REPEATED = "id_repeated"
    ID_CONFLICTING = "id_conflicting"
    NOT_A_DATE = "not_a_date"
    DATE_TOO_OLD = "date_before_1990"
    DATE_IN_FUTURE = "date_in_future"
    MODEL_VERSION = "unreadable_model_version"
    REPLACES_UNCLEAR = "replaces_unclear"
    FEEDBACK_CODE = "unknown_feedback_code"
    REASON_UNEXPECTED = "reason_without_override"
    RESPONSES_CONFLICT = "responses_conflict"


NOBODY = (RowRule.EMPTY_ROW, RowRule.REPEATED_HEADER)
"""Rows that are about no patient."""
HARMLESS = (*NOBODY, RowRule.ID_REPEATED)
"""Rows that lose no patient: they do not count towards the share of quarantined rows."""


@dataclass(frozen=True)
class Problem:
    """One reason to reject a file, with the columns that it is about and a fact that may be shown."""

    rule: FileRule
    columns: tuple[str, ...] = ()
    detail: str = ""
    """A fact that holds no text of the file: a position, a limit, a unit, the title of another use case."""

    @property
    def reason(self) -> str:
        """The name under which receipts count the problem."""
        return f"{self.rule}:{self.columns[0]}" if len(self.columns) == 1 else str(self.rule)
