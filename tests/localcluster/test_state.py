"""What is ours, and what is not."""

import json
import os
import shutil
import stat
import subprocess
import sys

import pytest

from localcluster import processes
from localcluster.cluster import LocalCluster
from localcluster.credentials import kubeconfig, make_tokens, signing_key_pem, token_csv
from localcluster.errors import LocalClusterError
from localcluster.options import Options
from localcluster.state import ProcessRecord, State, StateFolder


def test_claims_an_empty_folder_and_its_own(tmp_path):
    folder = StateFolder(tmp_path / "new" / "state")
    folder.claim()
    (folder / "logs").mkdir()
    folder.claim()
    assert stat.S_IMODE(folder.root.stat().st_mode) == 0o700


def test_refuses_a_folder_with_files_of_others(tmp_path):
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(LocalClusterError, match=r"not empty \(it holds thesis.tex\)"):
        StateFolder(tmp_path).claim()
    assert [each.name for each in tmp_path.iterdir()] == ["thesis.tex"]


def test_refuses_a_folder_in_use(tmp_path):
    folder = StateFolder(tmp_path)
    folder.claim()
    folder.save(State(options={}))
    with pytest.raises(LocalClusterError, match="already uses"):
        folder.claim()


def test_refuses_to_touch_what_it_did_not_make(tmp_path):
    with pytest.raises(
        LocalClusterError, match=r"no cluster of localcluster's .* touches no other"
    ):
        LocalCluster.attach(tmp_path)
    (tmp_path / "state.json").write_text(json.dumps({"processes": {"x": {"pid": 1}}}))
    with pytest.raises(LocalClusterError, match="touches no other"):
        LocalCluster.attach(tmp_path)


def test_unreadable_state_is_named(tmp_path):
    folder = StateFolder(tmp_path)
    folder.claim()
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(LocalClusterError, match=r"state\.json cannot be read"):
        folder.load()


def test_state_survives_saving(tmp_path):
    folder = StateFolder(tmp_path)
    folder.claim()
    options = Options(nodes=7, apiserver_args=("--v=2",), crash_backoff=(0.5, 3))
    state = State(
        options=options.to_json(), ports={"etcd": 1}, processes={"etcd": ProcessRecord(4, "9")}
    )
    folder.save(state)
    loaded = folder.load()
    assert (loaded.ports, loaded.processes) == (state.ports, state.processes)
    assert Options.from_json(loaded.options) == options
    assert stat.S_IMODE((tmp_path / "state.json").stat().st_mode) == 0o600


def test_a_number_that_was_given_again_is_another_process():
    ours = ProcessRecord(os.getpid(), processes._start_time(os.getpid()))
    assert processes.alive(ours)
    assert not processes.alive(ProcessRecord(os.getpid(), "1"))
    processes.stop([ProcessRecord(os.getpid(), "1")])  # or the test would end here


def test_stops_what_ignores_a_polite_request(tmp_path):
    code = "import signal as s, time; s.signal(15, s.SIG_IGN); print(1, flush=True); time.sleep(60)"
    log = tmp_path / "log"
    record = processes.start([sys.executable, "-c", code], log, os.environ)
    assert processes.wait_until(lambda: log.read_text() == "1\n", 5)
    processes.stop([record], grace=0.2)
    assert not processes.alive(record)


def test_a_process_that_ends_at_once_is_explained(tmp_path):
    log = tmp_path / "log"
    record = processes.start(["sh", "-c", "echo bad flag; exit 3"], log, os.environ)
    with pytest.raises(LocalClusterError, match=r"^x ended at once: bad flag"):
        processes.wait_ready("x", record, lambda: False, 5, log)


def test_credentials_are_random_and_private(tmp_path):
    first, second = make_tokens(), make_tokens()
    assert set(first.values()).isdisjoint(second.values())
    assert token_csv({"a": "t"}) == 't,a,a,"system:masters"\n'
    path = StateFolder(tmp_path).write_private("credentials/x", "secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_signing_key_is_a_key(tmp_path):
    key = tmp_path / "key.pem"
    key.write_text(signing_key_pem())
    assert signing_key_pem() != signing_key_pem()
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to ask")
    done = subprocess.run(["openssl", "ec", "-in", key, "-noout"], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def test_kubeconfig_is_complete(tmp_path):
    (tmp_path / "ca").write_text("certificate")
    text = kubeconfig(server="https://x", ca_file=tmp_path / "ca", token="t", user="u")  # noqa: S106
    content = json.loads(text)
    assert content["users"] == [{"name": "u", "user": {"token": "t"}}]
    assert content["clusters"][0]["cluster"]["certificate-authority-data"] == "Y2VydGlmaWNhdGU="


def test_kind_without_docker_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name, **_: None)
    monkeypatch.setattr("localcluster.binaries.Binaries.ensure", lambda *_: {})
    cluster = LocalCluster(tmp_path / "state", Options(provider="kind"))
    with pytest.raises(
        LocalClusterError, match="--provider kind needs docker, which is not on PATH"
    ):
        cluster.start()
    assert not StateFolder(tmp_path / "state").in_use
