"""The sentence for each rule by which a row is quarantined."""

from __future__ import annotations

from clinrisk.core.ingest.rules import REJECTED_WITH_FILE, RowRule

# {n} reads "1 row has" or "2 rows have".
ROW_SENTENCES: dict[RowRule | str, str] = {
    RowRule.SHORT_ROW: "{n} too few cells. Look for a line break or a missing comma.",
    RowRule.LONG_ROW: "{n} too many cells. Look for a comma inside a value, such as a decimal comma.",
    RowRule.QUOTES: "{n} a quotation mark without its partner. Remove it.",
    RowRule.LINE_BREAK: "{n} a line break inside a cell. Remove it.",
    RowRule.REPEATED_HEADER: "{n} the header again in place of data. Remove every such row.",
    RowRule.EMPTY_ROW: "{n} no measured value at all. Remove every such row.",
    RowRule.CELL_TOO_LONG: "{n} far too much text{in_column}. Send only measured values and codes.",
    RowRule.LINE_TOO_LONG: "{n} more text than one line of a file may have. Look for a missing line end.",
    RowRule.CHARACTERS: (
        "{n} characters{in_column} that no agreed value has: invisible ones, accents, or others that only "
        "resemble plain letters or digits. Type the value again."
    ),
    RowRule.FORMULA: "{n} a spreadsheet formula{in_column}. Send its value instead.",
    RowRule.DECIMAL_COMMA: "{n} a decimal comma{in_column}. Use a decimal point.",
    RowRule.NOT_A_NUMBER: (
        "{n} something that is not a number{in_column}. Write plain digits; leave the cell empty when it "
        "was not measured."
    ),
    RowRule.NOT_INTEGER: "{n} a fraction{in_column}. Only whole numbers are accepted there.",
    RowRule.OUT_OF_RANGE: "{n} a value outside {range}{in_column}. Check the value and its unit.",
    RowRule.UNKNOWN_CODE: "{n} an unknown code{in_column}. The accepted codes are {codes}.",
    RowRule.LIKELY_MARKER: (
        '{n} a number{in_column} that often means "not measured" (-9, 99, 999 and the like), which is not '
        "agreed here. Leave such a cell empty; if it was measured, check the value and its unit."
    ),
    RowRule.ESSENTIAL_MISSING: (
        "{n} no value{in_column}, without which no patient can teach a model. Add it, or leave the row out."
    ),
    RowRule.LABEL_MISSING: "{n} no outcome{in_column}. Add it, or send the row for inference.",
    RowRule.UNKNOWN_LABEL: "{n} an unknown outcome{in_column}. The accepted outcomes are {codes}.",
    RowRule.ID_BLANK: "{n} no id{in_column}. Give every row its id.",
    RowRule.ID_MALFORMED: (
        "{n} an invalid id{in_column}. An id has at most 64 letters and digits, with spaces or . _ : / # - "
        "only between them. Send the hospital's plain id."
    ),
    RowRule.ID_REPEATED: (
        "{n} an id{in_column} that an earlier row has with the same values. The earlier row was used."
    ),
    RowRule.ID_CONFLICTING: (
        "{n} an id{in_column} that other rows have with different values. None of these rows was used: find "
        "out which one is right."
    ),
    RowRule.NOT_A_DATE: "{n} no valid date{in_column}. Write dates as YYYY-MM-DD.",
    RowRule.DATE_TOO_OLD: (
        "{n} a date{in_column} before 1990. Databases and spreadsheets write 1900-01-01 where no date is "
        "known. Give the right day, or leave the row out."
    ),
    RowRule.DATE_IN_FUTURE: ("{n} a date{in_column} after the day the file arrived. Give the right day."),
    RowRule.MODEL_VERSION: (
        "{n} something else than a version{in_column}. A version has at most 40 letters, digits, dots, "
        "hyphens and underscores. Leave the cell empty where it is not known."
    ),
    RowRule.REPLACES_UNCLEAR: (
        "{n} something else than yes or no{in_column}. Write yes where the row takes the place of the "
        "outcome that was sent earlier for the patient, otherwise no or nothing."
    ),
    RowRule.FEEDBACK_CODE: (
        "{n} something else than an agreed code{in_column}. No free text is taken, since it might name a "
        "patient. Write one of: {codes}."
    ),
    RowRule.REASON_UNEXPECTED: (
        "{n} a reason{in_column} although nothing was overridden. Leave the cell empty, or correct the "
        "response."
    ),
    RowRule.RESPONSES_CONFLICT: (
        "{n} an id{in_column} that other rows have with another response of the same role on the same day. "
        "None of these rows was used: find out which one is right."
    ),
    REJECTED_WITH_FILE: "{n} nothing wrong, but the file was rejected. Send the corrected file with them.",
}
