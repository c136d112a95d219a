"""Every input that a fuzzer ever found something by, and the small ones that it began with, once more."""

import os
import subprocess

import pytest
from conftest import ROOT

CORPORA = ROOT / "Fuzz" / "Corpora"
BINARY = ROOT / ".build/fuzz/release/grandstand-fuzz"


@pytest.fixture(scope="module")
def fuzzer():
    subprocess.run(
        ["swift", "build", "-c", "release", "--product", "grandstand-fuzz", "--scratch-path", ROOT / ".build/fuzz", "--sanitize=fuzzer",
         "-Xswiftc", "-sanitize=fuzzer,address"],
        cwd=ROOT, check=True, capture_output=True, env={**os.environ, "GRANDSTAND_FUZZ_BUILD": "1"})
    return BINARY


@pytest.mark.parametrize("target", sorted(path.name for path in CORPORA.iterdir()))
def test_a_target_takes_its_corpus_and_a_second_of_guesses(fuzzer, target, tmp_path):
    answer = subprocess.run(
        [fuzzer, "-max_total_time=1", "-timeout=10", f"-artifact_prefix={tmp_path}/", tmp_path, CORPORA / target],
        capture_output=True, text=True, timeout=120, env={**os.environ, "GRANDSTAND_FUZZ": target, "SWIFT_BACKTRACE": "enable=no"})
    assert answer.returncode == 0, answer.stderr[-3000:]
    # A fuzzer that sees nothing of what is compiled only guesses.
    covered = [int(line.split("cov: ")[1].split()[0]) for line in answer.stderr.splitlines() if "cov: " in line]
    assert max(covered) > 100, answer.stderr[-1000:]
