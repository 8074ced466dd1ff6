"""A template as CloudFormation can deploy it: code and definitions uploaded, references put in.

The same steps as `sam build` and `sam package`, without their interpreter: nothing in the template is changed
except the local paths.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from samtranslator.yaml_helper import yaml_parse

from twin.deployment.layer_build import archive, build_layer, digest_of, source_files
from twin.state import BUILD

Upload = Callable[[Path], str]


class PackagingError(Exception):
    """The template cannot be read, or names something that cannot be packaged."""


def package(template: Path, bucket: str, upload: Upload) -> dict[str, Any]:
    """Return the template with every local path replaced by an object of the bucket, stored by `upload`."""
    try:
        document: dict[str, Any] = yaml_parse(template.read_text())
    except (OSError, yaml.YAMLError) as error:
        raise PackagingError(f"The template {template} cannot be read: {error}") from error
    for name, resource in document["Resources"].items():
        properties = resource.get("Properties", {})
        match resource["Type"]:
            case "AWS::Serverless::Function" if isinstance(properties.get("CodeUri"), str):
                code = _folder(template, properties["CodeUri"], name)
                properties["CodeUri"] = {"Bucket": bucket, "Key": upload(_zip(code))}
            case "AWS::Serverless::LayerVersion" if isinstance(properties.get("ContentUri"), str):
                content = _folder(template, properties["ContentUri"], name)
                built = "BuildMethod" in resource.get("Metadata", {})
                layer = build_layer(content) if built else _zip(content)
                properties["ContentUri"] = {"Bucket": bucket, "Key": upload(layer)}
            case "AWS::Serverless::StateMachine" if isinstance(properties.get("DefinitionUri"), str):
                definition = template.parent / properties["DefinitionUri"]
                properties["DefinitionUri"] = {"Bucket": bucket, "Key": upload(_copy(definition))}
            case _:
                continue
    return document


def _folder(template: Path, uri: str, name: str) -> Path:
    folder = (template.parent / uri).resolve()
    if not folder.is_dir():
        raise PackagingError(f"{name} in {template.name} names the folder {uri}, which does not exist.")
    return folder


def _zip(folder: Path) -> Path:
    files = source_files(folder)
    target = BUILD / "code" / f"{folder.name}-{digest_of(folder, files)[:32]}.zip"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        archive(folder, files, target)
    return target


def _copy(definition: Path) -> Path:
    target = BUILD / "code" / f"{digest_of(definition.parent, [definition])[:32]}-{definition.name}"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(definition.read_bytes())
    return target
