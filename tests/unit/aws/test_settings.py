import os
from collections.abc import Iterator

import pydantic
import pytest

from clinrisk.aws.settings import Settings, settings, use
from clinrisk.errors import SettingMissing


@pytest.fixture(autouse=True)
def _the_environment_again() -> Iterator[None]:
    yield
    use(os.environ)


def test_settings_come_from_the_environment_or_from_what_a_process_names() -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LAKE_BUCKET", "lake")
        use(os.environ)
        assert settings().lake_bucket == "lake"
        use({"LAKE_BUCKET": "another"})
        assert settings().lake_bucket == "another"


@pytest.mark.parametrize("variables", [{}, {"AUDIT_BUCKET": ""}, {"LAKE_BUCKET": "lake"}])
def test_a_setting_that_is_missing_is_named_when_it_is_used(variables: dict[str, str]) -> None:
    use(variables)
    with pytest.raises(SettingMissing, match="AUDIT_BUCKET"):
        _ = settings().audit_bucket


def test_settings_are_typed_and_cannot_be_changed() -> None:
    use({"APPROVAL_TIMEOUT_HOURS": "168", "UPLOADS_TABLE": "uploads"})
    assert settings().approval_timeout_hours == 168
    with pytest.raises(pydantic.ValidationError):
        setattr(settings(), "uploads_table", "another")  # noqa: B010 - a type checker refuses it
    use({"APPROVAL_TIMEOUT_HOURS": "a week"})
    with pytest.raises(pydantic.ValidationError) as refused:
        settings()
    assert "a week" not in str(refused.value)


def test_a_name_that_is_no_setting_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError):
        getattr(Settings.model_validate({}), "uploads_tabel")  # noqa: B009 - a type checker refuses it
