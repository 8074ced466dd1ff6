"""The model server of sagemaker-xgboost 3.2-0, one request file after the other; runs where xgboost is.

Usage: transform_server.py MODEL_DIR REQUEST_DIR RESPONSE_DIR one|many. Each request file is a headerless CSV;
with `one`, each of its lines is a request. The answer to NAME is RESPONSE_DIR/NAME, one prediction per line.

It follows the image's own server (aws/sagemaker-xgboost-container, algorithm mode), because a twin that is
kinder would hide a broken model: every top-level file whose name does not begin with a dot is loaded as a
booster, and several are averaged; empty fields are missing values; features are not validated, so a record
with too few columns is scored all the same, one with too many is refused; all trees predict.
"""

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

# xgboost imports scikit-learn when it can: two thirds of the time to the first score, and not for serving.
sys.modules["sklearn"] = None  # type: ignore[assignment]  # Python's own way to say "not there"
import xgboost  # noqa: E402 - see above


class RequestRefused(Exception):  # noqa: N818 - the server's answer, not its fault
    """A request that the server answers with an error; the message never shows a field."""


def load(directory: Path) -> list[xgboost.Booster]:
    """Return every booster of an unpacked model.tar.gz."""
    files = sorted(path for path in directory.iterdir() if path.is_file() and not path.name.startswith("."))
    if not files:
        raise RequestRefused("Unable to load model: no file at the top level of model.tar.gz")
    boosters = []
    for path in files:
        booster = xgboost.Booster({"nthread": 1})
        try:
            booster.load_model(path)
        except xgboost.core.XGBoostError as error:
            raise RequestRefused(f"Unable to load model: {path.name} is not a booster") from error
        boosters.append(booster)
    return boosters


def parse(text: str) -> npt.NDArray[np.float64]:
    """Return a headerless CSV as a matrix, its empty fields as missing values."""
    rows = [
        ["nan" if field == "" else field for field in line.split(",")] for line in text.strip().split("\n")
    ]
    if len({len(row) for row in rows}) > 1:
        raise RequestRefused("Loading csv data failed: the records differ in their number of columns")
    try:
        return np.array(rows).astype(float)
    except ValueError as error:
        raise RequestRefused("Loading csv data failed: a field is not a number") from error


def predict(boosters: list[xgboost.Booster], matrix: npt.NDArray[np.float64]) -> list[float]:
    """Return one score per record: the mean over the boosters."""
    data = xgboost.DMatrix(matrix)
    try:
        scores = [booster.predict(data, validate_features=False) for booster in boosters]
    except xgboost.core.XGBoostError as error:
        columns = matrix.shape[1]
        raise RequestRefused(
            f"Unable to evaluate payload provided: the model does not take {columns} columns"
        ) from error
    means: list[float] = np.mean(scores, axis=0).tolist() if len(scores) > 1 else scores[0].tolist()
    return means


def answer(boosters: list[xgboost.Booster], text: str, *, one_by_one: bool) -> list[float]:
    """Return the predictions for one request file."""
    if not one_by_one:
        return predict(boosters, parse(text))
    return [score for line in text.strip().split("\n") for score in predict(boosters, parse(line))]


def main() -> int:
    """Answer every request and return 0, or print why one was refused and return 1."""
    model, requests, responses, mode = (*map(Path, sys.argv[1:4]), sys.argv[4])
    try:
        boosters = load(model)
        for request in sorted(requests.iterdir()):
            scores = answer(boosters, request.read_text(), one_by_one=mode == "one")
            (responses / request.name).write_text("".join(f"{score}\n" for score in scores))
    except RequestRefused as refusal:
        sys.stdout.write(f"{refusal}\n")
        message = Path("output") / "message"
        message.parent.mkdir(exist_ok=True)
        message.write_text(str(refusal))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
