"""A client of the artifact service of runners, in place of `actions/upload-artifact`.

As a program it does what the official action does: it packs the files of a folder and uploads them
to the service that the runner names, by version 4 of its protocol (JSON over HTTP by Twirp's
rules, then blocks to the address that the service gives):
https://github.com/actions/toolkit/tree/main/packages/artifact. It stands alone, because act copies
it out of here.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

SERVICE = "twirp/github.actions.results.api.v1.ArtifactService"
# An action that runs this program. Its inputs have the names and defaults of the official one.
ACTION = f"""\
name: upload-artifact
description: Uploads an artifact without Node.js
inputs:
  name: {{default: artifact, description: Name}}
  path: {{required: true, description: Folder or file}}
  archive: {{default: "true", description: Or the artifact is a file as it is}}
  if-no-files-found: {{default: warn, description: Or error or ignore}}
  overwrite: {{default: "false", description: Whether an artifact of that name is deleted first}}
  retention-days: {{default: "0", description: Not used here}}
runs:
  using: composite
  steps:
    - shell: sh
      run: exec python "$GITHUB_ACTION_PATH/{Path(__file__).name}"
      env:
        ARTIFACT_NAME: ${{{{ inputs.name }}}}
        ARTIFACT_PATH: ${{{{ inputs.path }}}}
        ARTIFACT_ARCHIVE: ${{{{ inputs.archive }}}}
        ARTIFACT_OVERWRITE: ${{{{ inputs.overwrite }}}}
        ARTIFACT_IF_NO_FILES: ${{{{ inputs.if-no-files-found }}}}
"""
_OPENER = build_opener(ProxyHandler({}))


def main() -> int:
    """Upload the folder that the environment names; returns the exit status."""
    name, path = os.environ["ARTIFACT_NAME"], Path(os.environ["ARTIFACT_PATH"])
    content = packed(path)
    if content is None:
        return int(os.environ["ARTIFACT_IF_NO_FILES"] == "error")
    if os.environ["ARTIFACT_ARCHIVE"] == "false":
        name, content = path.name, path.read_bytes()
    service = ArtifactService(
        os.environ["ACTIONS_RESULTS_URL"], os.environ["ACTIONS_RUNTIME_TOKEN"]
    )
    if os.environ["ARTIFACT_OVERWRITE"] == "true":
        service.call("DeleteArtifact", name=name)
    service.upload(name, content)
    return 0


def packed(root: Path) -> bytes | None:
    """Return a zip archive of a file, or of the files in a folder; None if there are none."""
    folder = root.parent if root.is_file() else root
    files = [root] if root.is_file() else sorted(p for p in root.rglob("*") if p.is_file())
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for path in files:
            opened.write(path, path.relative_to(folder))
    return archive.getvalue() if files else None


class ArtifactService:
    """The service at an address; the token says which run and job the caller is."""

    def __init__(self, url: str, token: str) -> None:
        self._url = url
        self._token = token
        claims = token.split(".")[1]
        scopes = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["scp"]
        (scope,) = (each for each in scopes.split() if each.startswith("Actions.Results:"))
        _, self._run, self._job = scope.split(":")

    def upload(self, name: str, archive: bytes) -> None:
        """Upload bytes as the artifact of that name."""
        address = self.call("CreateArtifact", name=name, version=4)["signedUploadUrl"]
        block = base64.b64encode(b"0" * 8).decode()
        blocks = f"<BlockList><Latest>{block}</Latest></BlockList>".encode()
        self._put(f"{address}&comp=block&blockid={block.rstrip('=')}", archive)
        self._put(f"{address}&comp=blocklist", blocks)
        digest = hashlib.sha256(archive).hexdigest()
        size = str(len(archive))
        self.call("FinalizeArtifact", name=name, size=size, hash=f"sha256:{digest}")

    def call(self, method: str, **arguments: Any) -> Any:
        """Call a method of the service; returns its JSON."""
        ids = {"workflow_run_backend_id": self._run, "workflow_job_run_backend_id": self._job}
        request = Request(
            f"{self._url.rstrip('/')}/{SERVICE}/{method}",
            data=json.dumps({**ids, **arguments}).encode(),
            headers={
                "Authorization": f"Bearer {self._token}",
                "Content-Type": "application/json",
            },
        )
        with _OPENER.open(request, timeout=30) as response:
            return json.load(response)

    def _put(self, address: str, body: bytes) -> None:
        # The address is signed: the request carries no token.
        headers = {"Content-Type": "application/octet-stream", "x-ms-blob-type": "BlockBlob"}
        request = Request(address, data=body, headers=headers, method="PUT")
        _OPENER.open(request, timeout=30).close()


if __name__ == "__main__":
    sys.exit(main())
