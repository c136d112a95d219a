"""The simulator: seeds that nobody has seen, one trace on every machine, every short history, and every planted bug found."""

import os
import pathlib
import subprocess
import time

import pytest
from conftest import BINARY

ROOT = pathlib.Path(__file__).parent.parent.parent
PLANTED = ROOT / ".build/planted/release/grandstand"
# Seeds that a bug may take until it is found. About two seconds on one core.
SEED_BUDGET = 4000
BUGS = [
    "hold-not-counted", "void-twice", "deposit-twice", "rounded-up", "debt-forgotten", "settled-twice", "dead-heat-whole",
    "stale-balances", "suspension-forgotten", "shorter-is-better", "chain-unrelated", "first-leg-only", "exposure-kept",
    "timer-lost", "id-forgotten-early", "hash-order", "same-operator", "open-after-recovery", "banker-forgotten", "groups-forgotten", "joint-price-unasked", "joint-price-stale", "house-rules-of-today",
    "system-settled-early", "old-result-taken", "reinstatement-forgotten", "past-posting-kept", "one-of-all", "withdrawn-kept", "deducted-always", "places-forgotten", "guarantee-forgotten", "start-estimate-paid", "start-deducted", "early-forgotten", "early-for-all",
    "cash-out-margin-forgotten", "cash-out-paid-as-offered", "cash-out-delay-ignored", "remainder-unreckoned", "sale-rule-forgotten", "free-stake-returned", "bonus-paid-as-cash", "void-free-stake-kept", "cap-ignored", "paid-today-forgotten", "offer-for-anybody", "exposure-unwatched", "raised-unwatched", "version-ignored", "table-of-today", "bar-ignored", "promotion-over-forgotten", "location-outlived", "any-decision-locates", "abroad-taken", "move-in-delay-ignored", "share-forgotten", "floor-forgotten",
    "held-price-kept", "channel-ignored", "suspect-forgotten", "suspected-twice", "void-forgotten", "limit-loosened-at-once", "expectation-ignored", "acknowledged-before-sync",
    "durable-mark-early", "body-unchecked", "error-ignored", "time-goes-back", "snapshot-unpreserved", "snapshot-timer-lost",
    "released-early", "old-quotes-reopen", "silence-unnoticed", "projection-gap", "rows-unsecured",
]


def sim(*arguments, binary=BINARY, timeout=600):
    return subprocess.run([binary, "sim", *map(str, arguments)], capture_output=True, text=True, timeout=timeout,
                          env={**os.environ, "SWIFT_BACKTRACE": "enable=no"})


def test_fresh_seeds_hold():
    """Three minutes of seeds that no run before had; what fails prints the command that plays it again."""
    first = int(time.time()) * 100_000
    minutes = os.environ.get("SIM_MINUTES", "3")
    answer = sim("--seeds", f"{first}..{first + 99_999}", "--minutes", minutes)
    print(answer.stdout[-2000:])
    # What failed comes first: a report that is cut off must not lose the seed.
    failed = [line for line in answer.stdout.splitlines() if "FAILED" in line or line.startswith("  grandstand sim")]
    assert answer.returncode == 0, "\n".join(failed) + "\n" + answer.stdout[-2000:]
    assert " 0 failed" in answer.stdout


# Seeds that once found something, by what it was.
@pytest.mark.parametrize("seed, what", [
    (318, "a disk that lied is refused while clients wait for their answers"), (333, "refusals that are remembered fill up"),
    (636483, "rows that a power failure took had let a bet's other leg go"),
])
def test_seeds_that_once_failed_hold(seed, what):
    answer = sim("--seed", seed, "--quiet")
    assert answer.returncode == 0, f"{what}: {answer.stdout}"


def test_a_seed_does_the_same_in_every_process():
    one, other = (sim("--seed", 77, "--commands", 3000) for _ in range(2))
    assert one.returncode == 0
    assert one.stdout == other.stdout
    assert "trace" in one.stdout.splitlines()[-1]
    assert sim("--seed", 78, "--quiet").stdout.split("trace")[1] != one.stdout.split("trace")[-1]


def test_every_short_history_every_length_and_every_bit():
    answer = sim("--systematic", 5)
    assert answer.returncode == 0, answer.stdout
    assert int(answer.stdout.split("short histories, up to case ")[1].split()[0]) > 120_000


def test_what_suppliers_say_comes_to_the_same_in_any_order():
    answer = sim("--permutations", 200_000, "--first", int(time.time()) * 1000)
    assert answer.returncode == 0, answer.stdout[-4000:]
    assert answer.stdout.startswith("200000 orders of 20000 sets") and " 0 sets differ" in answer.stdout


@pytest.mark.parametrize("bug", ["old-result-taken", "reinstatement-forgotten", "past-posting-kept", "debt-forgotten"])
def test_an_order_that_matters_is_found_and_told_in_few_words(planted, bug):
    answer = sim("--permutations", 20_000, "--bug", bug, binary=planted)
    assert answer.returncode == 1 and "FAILED set" in answer.stdout


def test_wrong_words_get_a_sentence():
    for arguments, words in (["--seed", "x"], "whole number"), (["--seeds", "5"], "1..1000"), (["--without", "x", "--seed", "1"], "--help"), (
            ["--bug", "timer-lost", "--seed", "1"], "no planted bugs"):
        answer = sim(*arguments)
        assert answer.returncode == 2 and words in answer.stderr


@pytest.fixture(scope="module")
def planted():
    """A build of its own with the flag that lets a bug be chosen."""
    subprocess.run(["swift", "build", "-c", "release", "--product", "grandstand", "--scratch-path", ROOT / ".build/planted",
                    "-Xswiftc", "-DPLANTED_BUGS"], cwd=ROOT, check=True, capture_output=True)
    listed = sim("--bug", "?", "--seed", "1", binary=PLANTED).stderr
    assert set(listed.split("There are: ")[1].strip(" .\n").split(", ")) == set(BUGS) | {"parent-unchecked"}
    return PLANTED


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(planted, bug):
    answer = sim("--bug", bug, "--seeds", f"1..{SEED_BUDGET}", binary=planted)
    assert answer.returncode == 1 and "FAILED seed" in answer.stdout, answer.stdout[-500:] + answer.stderr[-500:]


def test_a_block_of_another_history_is_found(planted):
    assert sim("--bug", "parent-unchecked", "--systematic", 1, binary=planted).returncode == 1


def test_without_a_bug_the_planted_build_finds_nothing(planted):
    assert sim("--seeds", "1..50", binary=planted).returncode == 0
