"""An export from a trial's page to the zip file on disk: the real command serves, the real exporters write."""

import hashlib
import json
import re
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from search.bootstrap import create_memory
from tests.browser.looking import open_page, visit
from tests.builders import build_outcome, run_trial
from tests.integration.tiny import GUARD_S, clean_environment, search_command
from tests.search.random_model import random_model
from tests.search.trained_digits import digits_dataset, digits_spec

pytestmark = pytest.mark.browser

CLICK_MS = 60_000
EXPORT_MS = 600_000  # loads TensorFlow, attacks the network and, for C, compiles and runs it


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serve a study on digits with one stored model by `python -m search dashboard`."""
    memory, spec, model = create_memory(str(tmp_path / "studies.db")), digits_spec(), random_model()
    study = memory.repository.create_study(
        name=spec.name,
        spec=spec.model_dump(mode="json"),
        spec_fingerprint=spec.fingerprint,
        data=digits_dataset().describe(),
        versions={},
    )
    digests = {name: memory.artifacts.put(content) for name, content in model.to_files().items()}
    outcome = build_outcome(0.5, 0.25, size_bytes=500)
    run_trial(memory.claims, study.id, 0, outcome, candidate=model.candidate, artifacts=digests)
    command = search_command("dashboard", "--port", "0", "--json")
    with subprocess.Popen(
        command, cwd=tmp_path, env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        lines = []
        for line in process.stdout:
            lines.append(line)
            if line.startswith("}"):
                break
        yield json.loads("".join(lines))["pages"]
        process.send_signal(signal.SIGINT)
        process.wait(timeout=GUARD_S)


@pytest.mark.parametrize(("names", "target"), [(("keras",), "generic"), (("keras", "c"), "cortex-m4")])
def test_downloaded_archive_holds_what_its_manifest_says(
    browser: Browser, address: str, tmp_path: Path, names: tuple[str, ...], target: str
) -> None:
    with open_page(browser) as page:
        visit(page, f"{address}study/digits/trial/0")
        page.get_by_role("button", name="Export").click()
        dialog = page.get_by_role("dialog", name="Export trial 0")
        for name in names:
            dialog.get_by_label(re.compile(f"^{name}$")).check()
        dialog.get_by_label(re.compile(f"^{target}$")).check()
        with page.expect_download(timeout=EXPORT_MS) as download:
            dialog.get_by_role("button", name="Download").click()
            expect(dialog.get_by_role("button", name="Exporting…")).to_be_visible(timeout=CLICK_MS)
        assert download.value.suggested_filename == f"digits-0-{'-'.join(names)}.zip"
        download.value.save_as(tmp_path / "model.zip")
    with zipfile.ZipFile(tmp_path / "model.zip") as packed:
        files = {name.removeprefix("trial-0/"): packed.read(name) for name in packed.namelist()}
    manifest = json.loads(files.pop("manifest.json"))
    assert (manifest["study"], manifest["trial"]) == ("digits", 0)
    assert manifest["target"]["name"] == target
    assert tuple(manifest["formats"]) == names
    assert {name: hashlib.sha256(content).hexdigest() for name, content in files.items()} == manifest["files_sha256"]
    assert {name.partition("/")[0] for name in files} == {"README.md", *names}
