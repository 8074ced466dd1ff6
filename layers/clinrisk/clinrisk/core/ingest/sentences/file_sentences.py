"""The sentence for each rule by which a file is rejected or held."""

from __future__ import annotations

from clinrisk.core.ingest.rules import FileRule

_MEND = "`clinrisk mend FILE --as USE_CASE/PURPOSE --out NEW.csv`."
# {columns} are names of agreed columns, {detail} a fact that holds no text of the file.
FILE_SENTENCES: dict[FileRule, str] = {
    FileRule.KEY_SHAPE: (
        "The file is not in a folder that is read. Send it with `clinrisk drop FILE --as USE_CASE/PURPOSE`, "
        "or upload it to inbox/<use case>/<purpose>/, without further folders."
    ),
    FileRule.KEY_CHARACTERS: (
        "The file name has control, invisible, markup or formula characters. Rename the file with letters, "
        "digits, hyphens and underscores only, and send it again."
    ),
    FileRule.KEY_TOO_LONG: "The file name is too long. Shorten it and send the file again.",
    FileRule.UNKNOWN_USE_CASE: (
        "The folder does not name a known use case. `clinrisk use-cases` lists them."
    ),
    FileRule.UNKNOWN_PURPOSE: (
        "The folder does not name a purpose of the use case. Use training, inference, outcomes or feedback; "
        "where the model is not ours, predictions, outcomes or feedback."
    ),
    FileRule.TOO_LARGE: (
        "The file is larger than {detail}. Split it into smaller files, each with the header, and send all "
        "of them."
    ),
    FileRule.EMPTY: "The file is empty. Export it again and check that the export finished.",
    FileRule.COMPRESSED: (
        "The file is {detail}, whatever its name says. Unpack it and send the CSV file inside; nothing is "
        "unpacked here."
    ),
    FileRule.SPREADSHEET: (
        "The file is {detail}, whatever its name says. Open it, save the sheet as CSV UTF-8 with commas, and "
        "send that."
    ),
    FileRule.DOCUMENT: (
        "The file is {detail}, not a table. Ask for the data it was made from, exported as CSV (UTF-8, "
        "commas)."
    ),
    FileRule.HTML: (
        "The file is {detail}, often the login or error page of the site that the export came from. Log in "
        "there and export again as CSV (UTF-8, commas)."
    ),
    FileRule.XML: "The file is {detail}. Export the data as CSV (UTF-8, commas) and send that.",
    FileRule.JSON: "The file is {detail}. Export the data as CSV (UTF-8, commas) and send that.",
    FileRule.PICKLE: (
        "The file is {detail}, which can run a program when it is opened, so it was not opened. Export the "
        "table as CSV (UTF-8, commas) and send that."
    ),
    FileRule.DATA_FILE: (
        "The file is {detail}. Export the table as CSV (UTF-8, commas), as Parquet or as an Arrow file, and "
        "send that."
    ),
    FileRule.TABLE_DAMAGED: (
        "The file begins like {detail}, and cannot be read to its end: it is cut off, damaged or encrypted. "
        "Write it again, and compare its size with that of the file here."
    ),
    FileRule.TABLE_TOO_LARGE: (
        "The file is {detail} that needs more memory, time or text than a file may. Write it again with row "
        "groups of at most a million rows, and split what has more than a hundred million rows."
    ),
    FileRule.TYPE_DIFFERS: (
        "The column {columns} is stored as {detail}. Write the file again with the agreed type: no type is "
        "changed here. `clinrisk use-cases` lists what is agreed."
    ),
    FileRule.NOT_CSV: (
        "The file is {detail}, not a CSV file. Export the data as CSV (UTF-8, commas) and send that."
    ),
    FileRule.UTF16: (
        "The file is encoded in UTF-16 or UTF-32 (spreadsheets call it Unicode text). Save it as CSV UTF-8 "
        "and send it again."
    ),
    FileRule.NOT_UTF8: "The file is not encoded in UTF-8. Export it as CSV UTF-8, or write it so: " + _MEND,
    FileRule.BINARY: "The file has bytes that are not text. Export it as CSV UTF-8 and send it again.",
    FileRule.LINE_TOO_LONG: (
        "A line is longer than {detail}. Check that the export writes one patient per line."
    ),
    FileRule.LINE_ENDS: (
        "The lines end with a carriage return alone, as only very old programs write them. Save the file "
        "with Windows or Unix line endings."
    ),
    FileRule.HEADER_BELOW: (
        "The column names are in {detail}, not in the first. Remove the rows above them: " + _MEND
    ),
    FileRule.LINES_QUOTED: (
        "Every line is in quotes from end to end, so it is one cell. Remove the outer quotes: " + _MEND
    ),
    FileRule.ONE_CELL_MORE: (
        "Every row has one cell more than the header: {detail}. Remove it, or export without row names: "
        + _MEND
    ),
    FileRule.DELIMITER: (
        "The columns are separated by {detail}. Export the file with commas between columns and decimal "
        "points in numbers, or write it so: " + _MEND
    ),
    FileRule.TOO_MANY_COLUMNS: (
        "The file has more than {detail} columns. Send only the agreed columns; `clinrisk use-cases` lists "
        "them."
    ),
    FileRule.HEADER_ABSENT: (
        "The first line looks like data, not like a header. Put the column names in the first line; "
        "`clinrisk convert` does it for the public files."
    ),
    FileRule.HEADER_OF_OTHER: (
        "These are the columns of another kind of file: {detail}. Send the file to the folder for that kind."
    ),
    FileRule.COLUMNS_MISSING: (
        "The header lacks {columns}. Names must match exactly, in any order; `clinrisk use-cases` lists them."
    ),
    FileRule.COLUMNS_MISSPELT: (
        "The header has {columns} in another spelling (at position {detail}): capitals, blanks, signs or a "
        "typing error. Write the names exactly so: " + _MEND
    ),
    FileRule.COLUMN_UNNAMED: (
        "The header has a column without a name (at position {detail}). Export without row names and without "
        "a comma at the end of lines: " + _MEND
    ),
    FileRule.COLUMNS_UNKNOWN: (
        "The header has columns that were not agreed (at position {detail}). Rename those that are an agreed "
        "column under another name. Remove the others, which might identify patients."
    ),
    FileRule.COLUMNS_REPEATED: "The header has {columns} more than once. Keep one of each.",
    FileRule.LABEL_COLUMN_MISSING: (
        "A training file needs the outcome column {columns}. Add it, or send the file for inference."
    ),
    FileRule.MOSTLY_EMPTY: ("Nearly all lines are empty. Check that the export writes one patient per line."),
    FileRule.NO_ROWS: "The file has a header but no rows. Check the filter of the export.",
    FileRule.WRONG_UNIT: (
        "Nearly all numbers in {columns} look like {detail}. Convert the column to the agreed unit{unit} "
        "and send the file again; none of its rows was used."
    ),
    FileRule.COLUMN_EMPTY: (
        "The column {columns} has no value at all. Check the join and the filter of the export."
    ),
    FileRule.COLUMN_SPARSE: (
        "The column {columns} has a value in {detail}. Check whether the export took it from the right place."
    ),
    FileRule.COLUMN_CONSTANT: (
        "The column {columns} has one and the same value in {detail} of its cells. Check whether the export "
        "took it from the right place."
    ),
    FileRule.COLUMN_DAMAGED: (
        "The column {columns} is damaged: {detail} are impossible, so the others may be wrong as well. Look "
        "for lost decimal points, another unit or other codes, and export the column again{unit}."
    ),
    FileRule.COLUMN_UNUSUAL: (
        "In the column {columns}, {detail} are outside what nearly every patient has. Check the decimal "
        "point and the unit{unit}."
    ),
    FileRule.CODES_SHIFTED: (
        "The column {columns} looks counted from another number than agreed: {detail}. Check the first code "
        "in the export, and recode the column; `clinrisk use-cases` lists the codes."
    ),
    FileRule.FRACTIONS_LOST: (
        "In the column {columns}, {detail} have no decimals, where decimals are the rule. Export the column "
        "again without rounding it."
    ),
    FileRule.ROWS_LOST: (
        "Of this training file, {detail} cannot be used. Correct them, or let the file through without them."
    ),
    FileRule.LOSS_DIFFERS: (
        "The rows that cannot be used differ from the others: {detail}. Correct them: without them a model "
        "would learn from other patients than there were."
    ),
    FileRule.TOO_MANY_BAD_ROWS: (
        "Too many rows cannot be used ({detail}), so none of the rows was used. Correct what is listed and "
        "send the file again."
    ),
    FileRule.CHECKSUM: "The file does not have the sha256 that was declared for it. Send it again.",
}
