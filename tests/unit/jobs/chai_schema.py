"""A reader of CHAI's schema file: says where a document differs from it, and refuses a schema it cannot read.

The schema is made of named sequences of elements alone. Whatever else a later version brings raises here
rather than passing unread.
"""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

XS = "{http://www.w3.org/2001/XMLSchema}"
SCHEMA = Path(__file__).parents[3] / "docs" / "chai" / "applied-model-card-v0.2.xsd"


class Schema:
    def __init__(self, path: Path = SCHEMA) -> None:
        self.root = ET.fromstring(path.read_bytes())  # noqa: S314 - our own file
        self.namespace = self.root.attrib["targetNamespace"]
        self.types = {one.attrib["name"]: one for one in self.root.findall(f"{XS}complexType")}

    def differences(self, document: bytes) -> list[str]:
        """List what the document has otherwise than the schema; empty when it is valid."""
        card = ET.fromstring(document)  # noqa: S314 - written by the test's own job
        [declared] = self.root.findall(f"{XS}element")
        if card.tag != f"{{{self.namespace}}}{declared.attrib['name']}":
            return [f"the root is {card.tag}"]
        [inline] = declared
        return self._inside(card, inline)

    def _inside(self, element: ET.Element, kind: ET.Element) -> list[str]:
        [sequence] = kind
        assert (kind.tag, sequence.tag) == (f"{XS}complexType", f"{XS}sequence")
        given, found = list(element), list[str]()
        most = sequence.attrib.get("maxOccurs", "1")
        while True:
            before = len(given)
            for one in sequence:
                assert one.tag == f"{XS}element"
                given = self._taken(one, given, element, found, optional="minOccurs" in sequence.attrib)
            if most == "1" or len(given) == before or not given:
                break
        return found + [f"{element.tag} holds {one.tag} out of place" for one in given]

    def _taken(
        self,
        declared: ET.Element,
        given: list[ET.Element],
        parent: ET.Element,
        found: list[str],
        *,
        optional: bool,
    ) -> list[ET.Element]:
        name, kind = declared.attrib["name"], declared.attrib["type"]
        least = 0 if optional else int(declared.attrib.get("minOccurs", "1"))
        most = declared.attrib.get("maxOccurs", "1")
        taken = 0
        while (
            given
            and given[0].tag == f"{{{self.namespace}}}{name}"
            and (most == "unbounded" or taken < int(most))
        ):
            one, *given = given
            taken += 1
            if kind == "xs:string":
                found += [f"{name} holds elements"] if len(one) else []
            else:
                found += self._inside(one, self.types[kind.removeprefix("mc:")])
        if taken < least:
            found.append(f"{parent.tag} lacks {name}")
        return given
