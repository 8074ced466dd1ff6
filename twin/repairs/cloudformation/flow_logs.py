"""The flow logs of a network in CloudFormation; the engine has them in EC2's API alone."""

import uuid
from typing import Any

from ministack.services import ec2

from twin.repairs.repair_registry import REPAIRS


def create_flow_log(_logical_id: str, properties: dict[str, Any], _stack: str) -> tuple[str, dict[str, str]]:
    """Create a flow log that is described and never written: nothing travels through the network here."""
    flow_log_id = f"fl-{uuid.uuid4().hex[:17]}"
    ec2._flow_logs[flow_log_id] = {
        "FlowLogId": flow_log_id,
        "ResourceId": properties["ResourceId"],
        "ResourceType": properties["ResourceType"],
        "TrafficType": properties.get("TrafficType", "ALL"),
        "LogDestinationType": properties.get("LogDestinationType", "cloud-watch-logs"),
        "LogDestination": properties.get("LogDestination") or properties.get("LogGroupName", ""),
        "FlowLogStatus": "ACTIVE",
        "CreationTime": ec2._now_ts(),
    }
    return flow_log_id, {"Id": flow_log_id}


def delete_flow_log(flow_log_id: str, _properties: dict[str, Any]) -> None:
    """Delete a flow log."""
    ec2._flow_logs.pop(flow_log_id, None)


REPAIRS.add(
    "ministack.services.cloudformation.provisioners._RESOURCE_HANDLERS[AWS::EC2::FlowLog]",
    {"create": create_flow_log, "delete": delete_flow_log},
    reason="A stack cannot have a flow log.",
    link="https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-ec2-flowlog.html",
)
