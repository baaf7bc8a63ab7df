"""A certificate authority of one's own, and what it signs: made by openssl, for one test run."""

from __future__ import annotations

import ssl
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, as files in PEM; ``both`` is one file with the two."""

    certificate: Path
    key: Path

    @property
    def both(self) -> Path:
        path = self.certificate.with_suffix(".both.pem")
        path.write_bytes(self.certificate.read_bytes() + self.key.read_bytes())
        return path


# What RFC 5280 asks of an authority; from 3.13 on Python does, too.
STRICT = {
    "basicConstraints": "critical,CA:TRUE",
    "keyUsage": "critical,keyCertSign,cRLSign",
    "subjectKeyIdentifier": "hash",
    "authorityKeyIdentifier": "keyid",
}


class Authority:
    """Signs certificates in a folder; nobody knows it who is not told.

    ``extensions`` are its certificate's own, as openssl.cnf has them; ``identifies`` is what a
    signed certificate says of the authority's key.
    """

    def __init__(
        self,
        folder: Path,
        extensions: Mapping[str, str] | None = None,
        *,
        identifies: str = "keyid",
    ) -> None:
        self._folder = folder
        self._own = self._files("authority")
        self._identifies = identifies
        settings = folder / "authority.cnf"
        wanted = STRICT if extensions is None else extensions
        settings.write_text(
            "[req]\nprompt=no\ndistinguished_name=name\nx509_extensions=own\n"
            "[name]\nCN=authority\n[own]\n" + "".join(f"{k}={v}\n" for k, v in wanted.items())
        )
        self._openssl(
            *f"req -x509 -nodes -days 2 {_NEW_KEY} -keyout".split(),
            *(self._own.key, "-out", self._own.certificate, "-config", settings),
        )

    @property
    def certificate(self) -> Path:
        """What must be trusted for all that it signed to be."""
        return self._own.certificate

    def signed(self, name: str) -> Certificate:
        """Return a certificate for localhost, or for a client of some name."""
        files, request = self._files(name), self._folder / f"{name}.csr"
        extensions = self._folder / f"{name}.ext"
        extensions.write_text(
            "subjectAltName=DNS:localhost,IP:127.0.0.1\nsubjectKeyIdentifier=hash\n"
            f"authorityKeyIdentifier={self._identifies}\n"
        )
        self._openssl(
            *f"req -nodes -subj /CN={name} {_NEW_KEY} -keyout".split(),
            *(files.key, "-out", request),
        )
        self._openssl(
            *("x509", "-req", "-days", "2", "-in", request, "-CA", self._own.certificate),
            *("-CAkey", self._own.key, "-CAcreateserial", "-extfile", extensions),
            *("-out", files.certificate),
        )
        return files

    def server(self, *, asks_for_client: bool = False) -> ssl.SSLContext:
        """Return the context of a server on localhost."""
        own = self.signed("server")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(own.certificate, own.key)
        if asks_for_client:
            context.load_verify_locations(self.certificate)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    def _files(self, name: str) -> Certificate:
        return Certificate(self._folder / f"{name}.pem", self._folder / f"{name}.key")

    def _openssl(self, *arguments: str | Path) -> None:
        subprocess.run(["openssl", *arguments], check=True, capture_output=True)


_NEW_KEY = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
