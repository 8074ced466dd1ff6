"""The columns and codes of a feedback file: what clinicians did with a risk. The same for every use case.

Codes alone, no free text: what a person writes freely may name a patient. Standard library only.
"""

from __future__ import annotations

from clinrisk.use_cases.columns import Code

ACCEPTED, OVERRIDDEN, NOT_SEEN = "accepted", "overridden", "not_seen"

RESPONSE = Code(
    "response",
    "what the clinician did with the risk and its flag",
    {
        ACCEPTED: "acted in line with it",
        OVERRIDDEN: "saw it and acted otherwise",
        NOT_SEEN: "acted without seeing it",
    },
)
REASON = Code(
    "reason",
    "why it was overridden",
    {
        "already_managed": "examined or treated already",
        "contraindicated": "not advisable for this patient",
        "patient_declined": "the patient did not want it",
        "not_intended_patient": "not a patient for whom the model is meant",
        "wrong_data": "the data behind the risk are wrong or out of date",
        "judged_otherwise": "judged the risk to be higher or lower",
        "no_capacity": "no appointment, bed or staff",
        "other": "another reason",
    },
)
ROLE = Code(
    "role",
    "who responded",
    {
        "physician": "physician",
        "nurse": "nurse",
        "pharmacist": "pharmacist",
        "coordinator": "plans examinations and appointments",
        "other": "another role",
    },
)
CODES = (RESPONSE, REASON, ROLE)
COLUMNS = ("id", RESPONSE.name, REASON.name, ROLE.name, "date")
"""All of a feedback file; `date` is the day of the response."""
