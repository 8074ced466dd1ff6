"""The shapes of SageMaker's operations, from the service models that botocore ships."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import botocore.session

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel

CONTROL_PLANE = "sagemaker"
FEATURE_STORE = "sagemaker-featurestore-runtime"


@cache
def service(name: str) -> ServiceModel:
    """Return botocore's model of `sagemaker` or `sagemaker-featurestore-runtime`, read once and on demand."""
    return botocore.session.get_session().get_service_model(name)


def operation(service_name: str, name: str) -> OperationModel | None:
    """Return an operation's model, or None when AWS has no operation of that name."""
    model = service(service_name)
    return model.operation_model(name) if name in model.operation_names else None
