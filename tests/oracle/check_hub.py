"""Shows that ftgpu and Python's huggingface_hub share one cache.

  python tests/oracle/check_hub.py FTGPU [HUB_SERVER]

Needs huggingface_hub alone, and no network: tests/e2e/hub_server (default: beside ftgpu) answers as
the Hub does. Exit status 1 at the first disagreement.
"""

import argparse
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = ["config.json", "generation_config.json", "model.safetensors"]

# Run by a Python of its own, since huggingface_hub reads the environment when it is
# imported.
READ = """
import huggingface_hub as hub, pathlib, sys
from huggingface_hub.file_download import _CACHED_NO_EXIST
for name in sys.argv[1:]:
    for revision in (None, "v1", "refs/pr/1", "%(commit)s"):
        path = hub.hf_hub_download("org/tiny", name, revision=revision)
        assert path == hub.try_to_load_from_cache("org/tiny", name, revision=revision), (path, name, revision)
        assert pathlib.Path(path).read_bytes() == pathlib.Path("nano", name).read_bytes(), (name, revision)
snapshot = pathlib.Path(hub.snapshot_download("org/tiny"))
assert sorted(p.name for p in snapshot.iterdir()) == sorted(sys.argv[1:]), list(snapshot.iterdir())
assert hub.try_to_load_from_cache("org/bare", "generation_config.json") is _CACHED_NO_EXIST
info = hub.scan_cache_dir()
assert not info.warnings, info.warnings
tiny, = (r for r in info.repos if r.repo_id == "org/tiny")
revision, = tiny.revisions
assert revision.commit_hash == "%(commit)s" and revision.refs == {"main", "v1", "refs/pr/1"}, revision
assert {f.file_name for f in revision.files} == set(sys.argv[1:]), revision.files
assert tiny.size_on_disk == sum(pathlib.Path("nano", name).stat().st_size for name in sys.argv[1:]), tiny
""" % {"commit": COMMIT}
FETCH = """
import huggingface_hub as hub, sys
for name in sys.argv[1:]:
    print(hub.hf_hub_download("org/tiny", name))
"""


def publish(site, source, files):
    """The files as hub_server serves them, with the hashes that the Hub would name them by."""
    site.mkdir(parents=True)
    for name in files:
        data = (source / name).read_bytes()
        blob = data if name.endswith(".safetensors") else b"blob %d\0" % len(data) + data
        (site / name).write_bytes(data)
        (site / f"{name}.etag").write_text((hashlib.sha256 if blob is data else hashlib.sha1)(blob).hexdigest())
    (site / "commit").write_text(COMMIT)
    (site / "tags").write_text("v1 refs%2Fpr%2F1")


def call(command, **environment):
    keep = {key: value for key, value in os.environ.items() if not key.lower().endswith("_proxy") and not key.startswith("HF_")}
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, env={**keep, **environment})
    if result.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command[:4]))}\nexit status {result.returncode}\n{result.stderr}")
    return result.stdout.strip()


def downloads():
    """How many files were asked for so far; huggingface_hub asks for other things besides."""
    return pathlib.Path("log").read_text().count("GET /org/")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ftgpu", type=pathlib.Path)
    parser.add_argument("server", type=pathlib.Path, nargs="?")
    options = parser.parse_args()
    ftgpu = options.ftgpu.resolve()
    server = (options.server or ftgpu.parent / "hub_server").resolve()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        call([ftgpu, "model", "init", "--size", "nano", "--out", "nano"])
        pathlib.Path("nano/generation_config.json").write_text('{"decoder_start_token_id": 0}')
        publish(pathlib.Path("site/org/tiny"), pathlib.Path("nano"), FILES)
        publish(pathlib.Path("site/org/bare"), pathlib.Path("nano"), ["config.json", "model.safetensors"])
        process = subprocess.Popen([server, "site", "ports", "log"])
        try:
            while not pathlib.Path("ports").exists():
                time.sleep(0.1)
            online = {"HF_ENDPOINT": f"http://127.0.0.1:{pathlib.Path('ports').read_text().split()[0]}"}
            offline = {"HF_HUB_OFFLINE": "1"}

            ours = {"HF_HOME": f"{scratch}/ours"}
            for name in ("org/tiny", "org/tiny@v1", "org/tiny@refs/pr/1", "org/bare"):
                call([ftgpu, "model", "pull", name], **ours, **online)
            call([sys.executable, "-c", READ, *FILES], **ours, **offline)
            print("huggingface_hub, offline, finds what ftgpu fetched")
            before = downloads()
            call([sys.executable, "-c", FETCH, *FILES], **ours, **online)
            assert downloads() == before, "huggingface_hub fetches again what ftgpu fetched"
            print("huggingface_hub, online, fetches none of it again")

            theirs = {"HF_HOME": f"{scratch}/theirs"}
            paths = call([sys.executable, "-c", FETCH, *FILES], **theirs, **online).split()
            directory = str(pathlib.Path(paths[0]).parent)
            call([ftgpu, "model", "info", "org/tiny"], **theirs, **offline)
            assert "org/tiny,main," in call([ftgpu, "model", "list", "--format", "csv"], **theirs, **offline)
            before = downloads()
            assert call([ftgpu, "model", "pull", "org/tiny"], **theirs, **online) == directory
            assert downloads() == before, "ftgpu fetches again what huggingface_hub fetched"
            print("ftgpu, offline and online, finds what huggingface_hub fetched")
        finally:
            process.kill()


if __name__ == "__main__":
    main()
