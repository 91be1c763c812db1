"""Whether a component is up, asked at any moment of its start."""

from pathlib import Path

import certifi

from localcluster import probes


def test_a_certificate_is_there_when_it_is_whole(tmp_path: Path) -> None:
    """Its file is there before it is written: a cluster's start failed of that."""
    certificate = tmp_path / "apiserver.crt"
    assert not probes.certificate_ok(certificate)
    certificate.write_text("")
    assert not probes.certificate_ok(certificate)
    certificate.write_text(Path(certifi.where()).read_text())
    assert probes.certificate_ok(certificate)
    assert not probes.http_ok(1, "/healthz", certificate)
